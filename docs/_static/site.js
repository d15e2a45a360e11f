// Let the keyboard scroll what is wider than the screen, and only that.
function mark() {
  for (const wide of document.querySelectorAll("pre, .table-wrapper, .wide")) {
    if (wide.scrollWidth > wide.clientWidth) wide.tabIndex = 0;
    else wide.removeAttribute("tabindex");
  }
}

// On a phone a row of a wide table is a card, and its cells say what column they are of.
function name() {
  for (const table of document.querySelectorAll("table:has(th:nth-child(3))")) {
    const heads = [...table.querySelectorAll("thead th")].map((head) => head.textContent.trim());
    for (const cell of table.querySelectorAll("tbody td:not(:first-child)"))
      cell.dataset.head = heads[cell.cellIndex];
  }
}

addEventListener("DOMContentLoaded", () => (name(), mark()));
addEventListener("resize", mark);
