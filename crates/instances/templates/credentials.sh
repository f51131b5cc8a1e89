# Traced commands would appear in logs that other people read: switch tracing off.
{ set +xv; } 2>/dev/null
set -euo pipefail

export WEKA_USERNAME={{ username|shell }}
export WEKA_PASSWORD={{ password|shell }}
backends=({% for backend in backends %}{{ backend|shell }}{% if not loop.last %} {% endif %}{% endfor %})
