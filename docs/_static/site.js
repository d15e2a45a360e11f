// Let the keyboard scroll what is wider than the screen, and only that.
function mark() {
  for (const wide of document.querySelectorAll("pre, .table-wrapper, .wide")) {
    if (wide.scrollWidth > wide.clientWidth) wide.tabIndex = 0;
    else wide.removeAttribute("tabindex");
  }
}
addEventListener("DOMContentLoaded", mark);
addEventListener("resize", mark);
