"use strict";
(() => {
  const status = document.getElementById("sorted");

  const valueOf = (row, place) => row.cells[place].dataset.value ?? row.cells[place].textContent.trim();

  const compare = (one, other) => {
    const [a, b] = [Number(one), Number(other)];
    return Number.isNaN(a) || Number.isNaN(b) ? one.localeCompare(other) : a - b;
  };

  const sort = (heads, head) => {
    const was = head.getAttribute("aria-sort");
    const direction = was ? (was === "ascending" ? "descending" : "ascending") : head.dataset.sort;
    heads.forEach((one) => one.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", direction);
    const place = head.cellIndex;
    const body = head.closest("table").tBodies[0];
    const rows = [...body.rows].map((row) => ({ row, value: valueOf(row, place) }));
    const sign = direction === "ascending" ? 1 : -1;
    // What has no value stands last, whichever way.
    rows.sort((a, b) => (a.value === "") - (b.value === "") || sign * compare(a.value, b.value));
    body.append(...rows.map(({ row }) => row));
    status.textContent = `Sorted by ${head.dataset.name ?? head.textContent.trim()}, ${direction}.`;
  };

  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.querySelectorAll("th[data-sort]")];
    for (const head of heads) {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => sort(heads, head));
    }
  }
  document.documentElement.classList.add("scripted");
})();
