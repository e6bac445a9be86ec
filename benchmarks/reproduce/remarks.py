"""What a reader of a page should know, as Markdown, written by hand after the figures were there."""

from __future__ import annotations

REMARKS = {
    "wsabie-table-5": """On WordNet the paper's order holds by every measure, with either model. On ImCLEF07A (96
labels, three an image) it holds at the top of the list, which is what WARP is for, and for MAP; in the first ten
places AUC is level, and ahead by sibling precision. `w_y·x` with WARP takes long: once an example is ranked well, most
draws find no violator, and each costs a score.""",
}
