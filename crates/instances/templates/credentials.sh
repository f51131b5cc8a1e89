# What is traced or echoed goes to logs that others read.
{ set +xv; } 2>/dev/null
set -euo pipefail

export WEKA_USERNAME={{ username|shell }}
export WEKA_PASSWORD={{ password|shell }}
backends=({% for backend in backends %}{{ backend|shell }}{% if not loop.last %} {% endif %}{% endfor %})
