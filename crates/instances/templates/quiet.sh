# Traced commands would appear in logs that other people read: switch tracing off.
{ set +xv; } 2>/dev/null
set -euo pipefail
