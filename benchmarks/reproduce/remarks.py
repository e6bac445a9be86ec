"""What a reader of a page should know, as Markdown, written by hand after the figures were there."""

from __future__ import annotations

REMARKS = {
    "wsabie-table-4": """On WordNet precision@1 is insensitive to d from 64 on, as in the paper. MAP is not: it rises
up to 200, while sibling precision is best at 64: fewer dimensions put more that is related near each other.""",
    "wsabie-table-7": """On WordNet sums gain in MAP, each model that is added a little more. In precision@1 no gain is
shown, where the paper speaks of an impressive boost.""",
    "wsabie-table-5": """On WordNet the paper's order holds by every measure, with either model. On ImCLEF07A (96
labels, three an image) it holds at the top of the list, which is what WARP is for, and for MAP; in the first ten
places AUC is level, and ahead by sibling precision. `w_y·x` with WARP takes long: once an example is ranked well, most
draws find no violator, and each costs a score.""",
}
