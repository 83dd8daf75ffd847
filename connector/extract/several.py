"""Several pages of one window: where each begins, and into how many windows leads are divided with the fewest pages."""

from math import ceil, sqrt


def places(total: int, size: int, most: int, *, numbered: bool) -> list[tuple[int, int]]:
    """(offset, limit) of the pages after a first one of ``size`` leads, where ``total`` leads are in ``most`` pages or fewer;
    else nothing.

    Each page begins with leads of the one before, so that nobody moves unseen from one into the other; and the last one is
    not full, so that nothing follows it. ``numbered``: a page begins at a multiple of its limit, so each is one lead shorter
    than the one before and shares one lead more with it.
    """
    found: list[tuple[int, int]] = []
    end = size
    while end <= total:
        number = len(found) + 1
        limit = size - number if numbered else size
        offset = number * limit if numbered else end - 1
        if number >= most or offset + limit <= end:
            return []
        found.append((offset, limit))
        end = offset + limit
    return found


def fewest_pages(leads: int, size: int, usual: int) -> int:
    """Into how many parts of about ``usual`` pages so many leads are divided with the fewest pages left half empty.

    ``size``: leads that a page adds.
    """

    def pages(parts: int) -> int:
        each = leads / parts
        # A little room for what is not quite even: a standard deviation, if leads come by chance.
        return parts * ceil((each + sqrt(each)) / size)

    least = ceil(leads / (size * usual * 1.2))
    return min(range(least, least + 4), key=pages)
