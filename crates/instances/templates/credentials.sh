{% include "quiet.sh" %}

export WEKA_USERNAME={{ username|shell }}
export WEKA_PASSWORD={{ password|shell }}
{% include "backends.sh" %}
