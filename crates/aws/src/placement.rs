//! Placement groups and capacity reservations, as EC2 returns them for instances and launch templates.

use aws_sdk_ec2::types::{CapacityReservationPreference, CapacityReservationTargetResponse};
use deployment::placement::{CapacityReservation, PlacementGroup};

/// EC2 returns an empty name for an instance without a placement group.
pub(crate) fn placement_group(id: Option<&str>, name: Option<&str>) -> Option<PlacementGroup> {
    let text = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    text(id)
        .map(PlacementGroup::Id)
        .or_else(|| text(name).map(PlacementGroup::Name))
}

/// `None` for the default: any open reservation.
pub(crate) fn capacity_reservation(
    target: Option<&CapacityReservationTargetResponse>,
    preference: Option<&CapacityReservationPreference>,
) -> Option<CapacityReservation> {
    let id = target.and_then(|target| target.capacity_reservation_id());
    let group = target.and_then(|target| target.capacity_reservation_resource_group_arn());
    let preference = preference.map(CapacityReservationPreference::as_str);
    let preference = preference.filter(|preference| *preference != CapacityReservation::OPEN);
    id.map(|id| CapacityReservation::Id(id.to_owned()))
        .or_else(|| group.map(|arn| CapacityReservation::ResourceGroup(arn.to_owned())))
        .or_else(|| preference.map(|preference| CapacityReservation::Preference(preference.to_owned())))
}
