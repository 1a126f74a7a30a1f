// What scrolls sideways can be reached, and so scrolled, by keyboard.
function reach() {
  for (const box of document.querySelectorAll(".cell_output, .fd-math, .pst-scrollable-table-container")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
}
window.addEventListener("load", reach);
window.addEventListener("resize", reach);
