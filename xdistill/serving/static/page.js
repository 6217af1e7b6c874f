// The page of `xdistill serve`: files of a patient in, prediction and slices out.

const find = (id) => document.getElementById(id);
const form = find("form");
const inputs = form ? [...form.querySelectorAll("input[type=file]")] : [];
const chosen = new Map(); // field -> File
const percent = new Intl.NumberFormat("en", { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });

function status(text, error = false) {
  find("status").textContent = text;
  find("status").classList.toggle("error", error);
}

// ---- files ----

function choose(field, file) {
  const input = inputs.find((one) => one.name === field);
  if (file) chosen.set(field, file);
  else chosen.delete(field);
  input.closest("label").classList.toggle("filled", chosen.has(field));
  find("result").hidden = true;
  drawTabs();
  show(file ? field : chosen.keys().next().value);
}

function assign(files) {
  // By the modality in the file's name; what is left goes to the fields that are left, in order.
  const left = new Set(files);
  const open = new Set(inputs.map((one) => one.name));
  const put = (field, file) => {
    const transfer = new DataTransfer();
    transfer.items.add(file);
    inputs.find((one) => one.name === field).files = transfer.files;
    choose(field, file);
    open.delete(field);
    left.delete(file);
  };
  for (const field of [...open].sort((a, b) => b.length - a.length)) {
    const file = [...left].find((one) => words(one.name).includes(field.toLowerCase()));
    if (file) put(field, file);
  }
  const order = inputs.map((one) => one.name).filter((field) => open.has(field) && !chosen.has(field));
  for (const file of [...left]) if (order.length) put(order.shift(), file);
  status(left.size ? `${left.size} of the dropped files have no field and are left out.` : "");
}

function words(name) {
  const lower = name.toLowerCase();
  return [lower.replace(/\.(nii\.gz|nii|zip|npy|npz|png|jpe?g|tiff?)$/, ""), ...lower.split(/[^a-z0-9]+/)];
}

if (inputs.length) {
  for (const input of inputs) input.addEventListener("change", () => choose(input.name, input.files[0]));
  addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("dragging");
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("dragging");
  });
  addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dragging");
    assign([...event.dataTransfer.files]);
  });
}

// ---- prediction ----

function body() {
  const data = new FormData();
  for (const [field, file] of chosen) data.append(field, file, neutral(file));
  for (const input of form.querySelectorAll("input[type=text]")) if (input.value) data.append(input.name, input.value);
  return data;
}

// The name of a file can be that of a patient: only its ending is sent.
function neutral(file) {
  const ending = /(\.nii\.gz|\.[a-z0-9]+)$/i.exec(file.name);
  return "image" + (ending ? ending[0].toLowerCase() : "");
}

async function post(url, data) {
  let response;
  try {
    response = await fetch(url, { method: "POST", body: data });
  } catch {
    throw new Error("The server cannot be reached.");
  }
  if (response.ok) return response;
  let detail = `The server answered with status ${response.status}.`;
  try {
    const found = (await response.json()).detail;
    detail = typeof found === "string" ? found : detail;
  } catch { /* not JSON: the status is enough */ }
  throw new Error(detail);
}

form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const bytes = [...chosen.values()].reduce((sum, file) => sum + file.size, 0);
  if (bytes > Number(form.dataset.largest) * 2 ** 20) {
    status(`The files are larger than ${form.dataset.largest} MB together.`, true);
    return;
  }
  find("predict").disabled = true;
  find("result").hidden = true;
  status("Predicting …");
  try {
    draw(await (await post("/predict", body())).json());
    status("");
  } catch (error) {
    status(error.message, true);
  } finally {
    find("predict").disabled = false;
  }
});

form?.addEventListener("reset", () => {
  for (const input of inputs) input.closest("label").classList.remove("filled");
  chosen.clear();
  status("");
  find("result").hidden = true;
  drawTabs();
  show(undefined);
});

function element(tag, text = "", className = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  made.className = className;
  return made;
}

function draw(found) {
  const best = new Set([found.prediction, ...(found.predictions ? found.prediction.split("; ") : [])]);
  const bars = Object.entries(found.probabilities ?? {}).map(([name, value]) => {
    const bar = element("div", "", best.has(name) ? "bar best" : "bar");
    const track = element("div", "", "track");
    const fill = element("div", "", "fill");
    fill.style.width = `${100 * value}%`;
    track.append(fill);
    bar.append(element("span", name), track, element("span", percent.format(value), "number"));
    return bar;
  });
  find("bars").replaceChildren(...bars);
  const facts = [];
  if (found.set) facts.push([`Prediction set (${percent.format(found.level).replace(".0", "")})`, found.set.join(", ") || "empty"]);
  if (found.predictions && !found.probabilities) facts.push(...values(found));
  if (found.sd != null) facts.push(["SD over networks", found.sd.toFixed(3)]);
  facts.push(["Flags", found.flags.join("; ") || "none"]);
  find("facts").replaceChildren(...facts.flatMap(([name, text]) => [element("dt", name), element("dd", text)]));
  find("result").hidden = false;
}

// Predictions that are no probabilities: numbers with their unit and interval, risks, shares without an event.
function values(found) {
  const shown = (value) => (value === null ? "∞" : Number(value.toPrecision(4)).toString());
  return Object.entries(found.predictions).map(([column, value]) => {
    const name = column.replace(/^predicted_/, "").replace(/^survival_/, "without an event until ");
    const ends = found.intervals?.[name];
    const interval = ends ? ` (${ends[0] === null ? "-" : ""}${shown(ends[0])} to ${shown(ends[1])}, ${percent.format(found.level).replace(".0", "")} interval)` : "";
    return [name, `${shown(value)} ${found.units[column] ?? ""}`.trim() + interval];
  });
}

// ---- slices ----

let viewer; // promise of NiiVue, loaded when the first file is chosen
let shown; // field
let turn = 0; // of the latest call of show

function drawTabs() {
  const tabs = find("tabs");
  if (!tabs) return;
  tabs.replaceChildren(
    ...[...chosen.keys()].map((field) => {
      const button = element("button", field);
      button.type = "button";
      button.setAttribute("aria-pressed", String(field === shown));
      button.addEventListener("click", () => show(field));
      return button;
    }),
  );
}

async function open() {
  const { Niivue, NVImage, SLICE_TYPE } = await import("/static/niivue.min.js");
  if (!document.createElement("canvas").getContext("webgl2")) throw new Error("This browser has no WebGL 2: slices are not shown.");
  const niivue = new Niivue({
    dragAndDropEnabled: false,
    logLevel: "error",
    loadingText: "",
    backColor: [0, 0, 0, 1],
    isResizeCanvas: true,
    multiplanarShowRender: 0,
    crosshairWidthUnit: "percent",
    crosshairWidth: 0.4,
    crosshairColor: [0.34, 0.71, 0.91, 0.9],
  });
  await niivue.attachToCanvas(find("canvas"));
  niivue.setSliceType(SLICE_TYPE.MULTIPLANAR);
  return { niivue, NVImage };
}

async function volume(file) {
  // Browsers read NIfTI; DICOM is turned into NIfTI by the server.
  if (/\.nii(\.gz)?$/i.test(file.name)) return file;
  if (/\.tiff?$/i.test(file.name)) throw new Error("Browsers do not show TIFF files; the saliency map shows the picture.");
  if (!/\.zip$/i.test(file.name)) throw new Error("Files are shown if they end in .nii, .nii.gz, .zip, .png or .jpg.");
  const data = new FormData();
  data.append(inputs[0].name, file, neutral(file));
  return new File([await (await post("/volume", data)).blob()], "volume.nii");
}

const isPicture = (file) => /\.(png|jpe?g)$/i.test(file?.name ?? "");

// A picture needs no viewer: it is shown as it is, and later with its map.
function showPicture(blob) {
  const picture = find("picture");
  if (picture.src) URL.revokeObjectURL(picture.src);
  picture.hidden = !blob;
  find("canvas").hidden = Boolean(blob);
  if (blob) picture.src = URL.createObjectURL(blob);
  else picture.removeAttribute("src");
}

async function show(field) {
  if (!find("viewer")) return;
  const mine = ++turn;
  shown = field;
  drawTabs();
  const note = find("view-status");
  note.textContent = field ? "Reading …" : note.dataset.empty;
  const file = chosen.get(field);
  showPicture(isPicture(file) ? file : null);
  if (isPicture(file)) {
    note.textContent = field;
    find("viewer").dataset.shown = field;
    return;
  }
  try {
    if (field || viewer) viewer ??= open();
    if (!viewer) return;
    const { niivue, NVImage } = await viewer;
    const file = field ? await volume(chosen.get(field)) : null;
    const image = file ? await NVImage.loadFromFile({ file: new File([file], neutral(file)), name: neutral(file) }) : null;
    if (mine !== turn) return; // another file was chosen meanwhile
    for (const old of [...niivue.volumes].reverse()) niivue.removeVolume(old);
    delete find("viewer").dataset.overlay;
    if (image) niivue.addVolume(image);
    niivue.drawScene();
    if (field) note.textContent = `${field}: ${image.dims.slice(1, 4).join(" × ")} voxels. Click or scroll to move through the slices.`;
    find("viewer").dataset.shown = field ?? "";
  } catch (error) {
    if (mine === turn) note.textContent = error instanceof Error ? error.message : "This file cannot be shown.";
  }
}

// ---- saliency ----

find("explain-form")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const field = shown;
  find("explain").disabled = true;
  status("Computing the map …");
  try {
    const query = new URLSearchParams({ modality: field, method: find("method").value });
    const map = await (await post(`/explain?${query}`, body())).blob();
    if (field !== shown) return;
    if (map.type === "image/png") {
      showPicture(map);
      find("view-status").textContent = `${field} as the network sees it; orange raises the prediction, blue lowers it.`;
      find("viewer").dataset.overlay = field;
      status("");
      return;
    }
    const { niivue, NVImage } = await viewer;
    for (const old of niivue.volumes.slice(1)) niivue.removeVolume(old);
    const image = await NVImage.loadFromFile({
      file: new File([map], "map.nii"), name: "map.nii", colormap: "warm", opacity: Number(find("opacity").value),
    });
    // What speaks for the class; weaker places stay transparent.
    image.cal_max = image.global_max > 0 ? image.global_max : 1;
    image.cal_min = 0.3 * image.cal_max;
    niivue.addVolume(image);
    find("opacity-label").hidden = false;
    find("viewer").dataset.overlay = field;
    status("");
  } catch (error) {
    status(error.message, true);
  } finally {
    find("explain").disabled = false;
  }
});

find("opacity")?.addEventListener("input", async (event) => {
  const { niivue } = (await viewer) ?? {};
  if (niivue?.volumes.length > 1) niivue.setOpacity(1, Number(event.target.value));
});
