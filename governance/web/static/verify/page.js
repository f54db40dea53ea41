// The page: what was given, how far the check is, what came out. Text is only ever set as text.

const byId = (id) => document.getElementById(id);
const OUTCOMES = {
  0: ["Proven", "allow", "allow"],
  2: ["Not usable", "unknown", "unknown"],
  10: ["Tampered", "deny", "deny"],
  11: ["Signature or key unknown", "deny", "unknown"],
  12: ["Gap or incomplete", "ask", "look"],
  13: ["Nothing to verify", "unknown", "plain"],
};
// RFC 8032 §7.1, test 2: whether this browser can check what this page is for.
const SAMPLE = {
  key: "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
  signature:
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
};

// Why nothing can be checked here; null if everything works.
async function selfTest() {
  if (!globalThis.crypto?.subtle) {
    return "The browser gives this page no cryptography. Open it from a file, or over https.";
  }
  try {
    const key = await crypto.subtle.importKey("raw", unhex(SAMPLE.key), { name: "Ed25519" }, false, ["verify"]);
    const signature = unhex(SAMPLE.signature);
    const good = await crypto.subtle.verify({ name: "Ed25519" }, key, signature, Uint8Array.of(0x72));
    const bad = await crypto.subtle.verify({ name: "Ed25519" }, key, signature, Uint8Array.of(0x73));
    if (!good || bad) return "This browser's Ed25519 is not right.";
  } catch {
    return "This browser cannot check Ed25519 signatures (WebCrypto). Use a newer one.";
  }
  for (const length of [0, 1, 55, 56, 63, 64, 65, 1000]) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 7) & 255);
    const theirs = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    if (!same(sha256(bytes), theirs)) return "This page computes SHA-256 otherwise than the browser does.";
  }
  return null;
}

// `text` with what stands between backticks as code.
function written(text) {
  return text.split("`").map((part, place) => {
    if (place % 2 === 0) return document.createTextNode(part);
    const code = document.createElement("code");
    code.textContent = part;
    return code;
  });
}

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

function fill(id, lines, mark) {
  byId(id).replaceChildren(
    ...lines.map((line) => {
      const item = document.createElement("li"), text = document.createElement("span");
      text.append(...written(line));
      item.append(icon(mark), text);
      return item;
    }),
  );
}

function show(exit, sentence, result) {
  const [word, colour, sign] = OUTCOMES[exit];
  const said = result ? statement(result) : { proven: [], notProven: [] };
  const chip = byId("chip");
  chip.className = `verdict big ${colour}`;
  chip.replaceChildren(icon(sign), document.createTextNode(word));
  byId("sentence").replaceChildren(...written(sentence[0].toUpperCase() + sentence.slice(1)));
  byId("exit").textContent = `Exit code ${exit} of the verifier on the command line.`;
  fill("proven", said.proven, "allow");
  fill("limits", said.notProven, "unknown");
  byId("proven-part").hidden = byId("limits-part").hidden = !result;
  const section = byId("result");
  section.dataset.exit = String(exit);
  section.hidden = false;
  byId("outcome").focus();
}

// The package that is to be checked: how it is opened. Null if none was chosen, or none that can be.
let picked = null;

const lines = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);

async function given() {
  const keys = [];
  for (const vkey of new Set(lines(byId("keys").value))) {
    try {
      keys.push(await importKey(vkey));
    } catch (error) {
      throw new Refusal(2, `A key cannot be used: ${error.message}`, {});
    }
  }
  if (keys.length === 0) throw new Refusal(2, "Give the log's key. Without it nothing is proven.", {});
  // again, as the same choice is told only once, though the files may be new
  for (const id of ["package", "folder"]) if (byId(id).files.length) chosen(id);
  if (!picked) throw new Refusal(2, "Choose a package: the zip or the folder that was handed to you.", {});
  const kept = [];
  for (const each of byId("kept").files) {
    kept.push({ label: `\`${each.name}\``, bytes: new Uint8Array(await each.arrayBuffer()) });
  }
  const pasted = byId("pasted").value.replaceAll("\r\n", "\n");
  if (pasted.trim()) kept.push({ label: "the pasted head", bytes: bytesOf(pasted.replace(/^\n+/, "").replace(/\n*$/, "\n")) });
  return { keys, open: picked.open, kept };
}

function ticker() {
  const bar = byId("bar"), told = byId("told");
  let last = performance.now();
  return async (done, size) => {
    if (performance.now() - last < 60 && done < size) return;
    bar.max = size;
    bar.value = done;
    told.textContent = `${number(done)} of ${counted(size, "entry", "entries")} checked`;
    await new Promise((resolve) => setTimeout(resolve, 0));
    last = performance.now();
  };
}

async function check(event) {
  event.preventDefault();
  const button = byId("go");
  button.disabled = true;
  byId("result").hidden = true;
  byId("running").hidden = false;
  byId("bar").removeAttribute("value");
  byId("told").textContent = "Reading the package…";
  try {
    const { keys, open, kept } = await given();
    const result = await verify(open, keys, kept, ticker());
    const form = result.present.form;
    show(0, `The package is what was signed, under a key that you gave. It is ${form === "redacted" ? "redacted: some values are withheld or erased" : "re-performable: every value is there"}.`, result);
  } catch (error) {
    if (error instanceof Refusal) show(error.exit, error.message, null);
    else show(2, `This page could not finish: ${error.message}`, null);
    byId("result").dataset.entry = String(error.entry ?? "");
    byId("result").dataset.file = String(error.file ?? "");
  } finally {
    button.disabled = false;
    byId("running").hidden = true;
  }
}

async function drop(event) {
  event.preventDefault();
  byId("drop").classList.remove("over");
  const { items, files } = event.dataTransfer ?? {};
  if (!files?.length) return;
  if (files.length > 1) return pick(null, "Several things were dropped. Drop one: the zip, or the folder.");
  const folder = droppedFolder(items[0]);
  if (folder === null) return pickFile(files[0]);
  pick(null, "Reading the folder…");
  byId("go").disabled = true;
  try {
    pickFolder(await folder);
  } catch (error) {
    pick(null, `The browser does not give the dropped folder (${error.name}). Choose it below.`);
  } finally {
    byId("go").disabled = false;
  }
}

// What is said of what was given; a field that did not give it is emptied.
function pick(open, said, field) {
  picked = open && { open };
  byId("chosen").textContent = said;
  for (const id of ["package", "folder"]) if (id !== field) byId(id).value = "";
}

const kibibytes = (size) => `${number(Math.ceil(size / 1024))} KiB`;

function pickFile(file, field) {
  pick(() => openZip(file), `${file.name}, ${kibibytes(file.size)}`, field);
}

function pickFolder({ name, files }, field) {
  const size = files.reduce((sum, [, file]) => sum + file.size, 0);
  pick(() => openFolder(files), `The folder ${name}: ${counted(files.length, "file", "files")}, ${kibibytes(size)}`, field);
}

// `field` is where something was chosen.
function chosen(field) {
  const { files } = byId(field);
  if (!files.length) pick(null, "No package chosen yet.");
  else if (field === "package") pickFile(files[0], field);
  else pickFolder(chosenFolder(files), field);
}

async function start() {
  const why = await selfTest();
  if (why !== null) {
    byId("unable").hidden = false;
    byId("unable-why").textContent = why;
    return;
  }
  byId("form").addEventListener("submit", check);
  for (const id of ["package", "folder"]) byId(id).addEventListener("change", () => chosen(id));
  for (const name of ["dragenter", "dragover"]) {
    byId("drop").addEventListener(name, (event) => {
      event.preventDefault();
      byId("drop").classList.add("over");
    });
  }
  byId("drop").addEventListener("dragleave", () => byId("drop").classList.remove("over"));
  byId("drop").addEventListener("drop", drop);
  chosen(byId("folder").files.length ? "folder" : "package");
  byId("go").disabled = false;
}

start();
