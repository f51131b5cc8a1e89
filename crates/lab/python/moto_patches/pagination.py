"""Pagination for lists that moto returns in one page."""

PAGE = 100


def page_of(items, token, size=PAGE):
    start = int(token or 0)
    return items[start : start + size], (str(start + size) if start + size < len(items) else None)
