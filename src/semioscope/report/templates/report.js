"use strict";
// Tables marked "sortable" get buttons in their headers; without this script they stay as they are.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  table.querySelectorAll("thead th").forEach((header, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    header.append(button);
    button.addEventListener("click", () => {
      const down = header.getAttribute("aria-sort") === "ascending";
      table.querySelectorAll("th[aria-sort]").forEach((other) => other.removeAttribute("aria-sort"));
      header.setAttribute("aria-sort", down ? "descending" : "ascending");
      const key = (row) => row.cells[column].dataset.sort ?? row.cells[column].textContent.trim();
      const rows = [...body.rows].map((row, index) => ({ row, index, key: key(row) }));
      rows.sort((a, b) => {
        // What is undefined stays at the end in both directions.
        if (a.key === "" || b.key === "") return (a.key === "") - (b.key === "") || a.index - b.index;
        const [x, y] = [Number(a.key), Number(b.key)];
        const order = Number.isNaN(x) || Number.isNaN(y) ? a.key.localeCompare(b.key, "en", { numeric: true }) : x - y;
        return (down ? -order : order) || a.index - b.index;
      });
      body.append(...rows.map((entry) => entry.row));
    });
  });
}
// What is folded on the screen is open on paper.
window.addEventListener("beforeprint", () => {
  for (const part of document.querySelectorAll("details:not([open])")) {
    part.open = true;
    part.dataset.folded = "";
  }
});
window.addEventListener("afterprint", () => {
  for (const part of document.querySelectorAll("details[data-folded]")) {
    part.open = false;
    delete part.dataset.folded;
  }
});
