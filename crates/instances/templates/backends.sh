backends=({% for backend in backends %}{{ backend|shell }}{% if not loop.last %} {% endif %}{% endfor %})
