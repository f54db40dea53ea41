// A package: what is proven, or a refusal that says what is wrong. The same steps, in the same
// order, with the same outcomes as `python -m audit verify`; FORMAT.md describes them.

const V1 = "audit-package/v1", V2 = "audit-package/v2";
const ANCHOR = /^anchors\/([1-9][0-9]{0,18})\/(?:(checkpoint)|(0|[1-9][0-9]{0,3})\.tsr)$/;
const BLOB = /^blobs\/([0-9a-f]{64})$/;
const TOLERANCE = 3600;
const number = (count) => count.toLocaleString("en-US");
const counted = (count, one, many) => `${number(count)} ${count === 1 ? one : many}`;

function utc(time) {
  const date = new Date(time * 1000);
  return Number.isNaN(date.getTime()) || date.getUTCFullYear() > 9999 ? `second ${time}` : date.toISOString().replace(/\.\d+Z$/, "Z");
}

// `open` gives the package's files: an Archive or a Folder.
async function verify(open, keys, kept, progress) {
  try {
    return await verifyArchive(await open(), keys, kept, progress);
  } catch (error) {
    if (error instanceof Malformed) throw tampered(`the package holds what no log writes: ${error.message}`);
    throw error;
  }
}

async function verifyArchive(archive, keys, kept, progress) {
  const { tree, verified } = await signedHead(archive, keys);
  const retained = [];
  for (const { label, bytes } of kept) retained.push(await readRetained(label, bytes, keys));
  const layout = await layoutOf(archive);
  checkNames(archive.names, tree.size, layout);
  const log = new Log(archive, tree, layout.minimum);
  if (tree.size === 0) {
    if (!same(tree.root, EMPTY_ROOT())) throw tampered("the checkpoint covers no entry, but its root is not that of an empty log");
    await checkRetained(retained, tree, log, keys);
    throw nothing(`the log \`${tree.origin}\` has no entries: there is nothing to verify`);
  }
  const disclosures = readDisclosures(await archive.read("disclosures.jsonl"));
  for (const { index } of [...disclosures.slice(0, 1), ...disclosures.slice(-1)]) {
    if (index < layout.minimum || index >= tree.size) {
      throw tampered(`\`disclosures.jsonl\` shows a value of entry ${index}, which is not here`, { file: "disclosures.jsonl" });
    }
  }
  const entries = new Entries(layout.minimum, disclosures, timesWanted(archive.names, tree.size));
  await log.scan(entries, progress);
  await log.check();
  archive.seal("tile/");
  entries.check(layout.minimum);
  await checkSigners(splitNote(await archive.read("checkpoint")), entries.changes);
  const outside = await checkOutside(archive, tree, log, keys, verified, entries);
  const present = await checkSmallFiles(archive, tree, layout, entries, disclosures);
  archive.seal("");
  await checkRetained(retained, tree, log, keys);
  return { tree, verified, layout, entries, disclosures, outside, present, retained };
}

async function signedHead(archive, keys) {
  const file = "checkpoint";
  const bytes = await archive.read(file);
  try {
    return await openCheckpoint(bytes, keys);
  } catch (error) {
    if (error instanceof Malformed) throw tampered(`the file \`${file}\` was altered: ${error.message}`, { file });
    if (error instanceof Refusal) throw new Refusal(error.exit, `the file \`${file}\`: ${error.message}`, { file });
    throw error;
  }
}

async function readManifest(archive) {
  const file = "manifest.json";
  try {
    const value = parse(textOf(await archive.read(file), "the file"));
    if (!isObject(value)) throw new Malformed("not an object");
    return value;
  } catch (error) {
    if (error instanceof Malformed) throw tampered(`the file \`${file}\` was altered: ${error.message}`, { file });
    throw error;
  }
}

async function layoutOf(archive) {
  const manifest = await readManifest(archive), file = "manifest.json";
  const format = manifest.format, minimum = "minimum" in manifest ? manifest.minimum : 0;
  if (format !== V1 && format !== V2) {
    throw tampered(`the file \`${file}\` names the format \`${String(format).slice(0, 60)}\`; this page knows \`${V1}\` and \`${V2}\``, { file });
  }
  if (!Number.isSafeInteger(minimum) || minimum < 0 || minimum % WIDTH) {
    throw tampered(`the file \`${file}\` was altered: its minimum is a whole number of bundles of ${WIDTH} entries`, { file });
  }
  return { format, minimum: format === V2 ? minimum : 0 };
}

function checkNames(names, size, layout) {
  let held = 0;
  for (const name of names) {
    const tile = parsePath(name);
    if (tile?.level === -1) held = Math.max(held, tile.number * WIDTH + tile.width);
  }
  if (held > size) {
    throw tampered(`the checkpoint covers ${size} entries, but the package holds ${held}: an older checkpoint was put in the place of the right one`, { file: "checkpoint" });
  }
  if (layout.minimum >= Math.max(size, 1)) {
    throw tampered(`the file \`manifest.json\` was altered: of ${size} entries, the first kept cannot be entry ${layout.minimum}`, { file: "manifest.json" });
  }
  if (held < size) {
    throw gap(`the checkpoint covers ${size} entries, but the package holds only ${held}: entry ${held} and what follows is missing`, { entry: held });
  }
  const expected = new Set(["checkpoint", "manifest.json", "disclosures.jsonl", "keys/log.vkey"]);
  const missing = [...expected].filter((name) => !names.has(name)).sort();
  const every = function* () {
    yield* bundlesOf(size, layout.minimum / WIDTH);
    yield* tilesOf(size);
  };
  for (const tile of every()) {
    const path = tilePath(tile.level, tile.number, tile.width);
    expected.add(path);
    if (!names.has(path)) {
      missing.push(path);
      break; // the size is a claim: never expect more than is there
    }
  }
  for (const name of [...names].sort()) {
    if (expected.has(name) || (missing.length && isTileOf(name, size)) || mayBeThere(name, size, layout)) continue;
    throw tampered(`the file \`${name}\` does not belong into this package`, { file: name });
  }
  if (missing.length) throw gap(`the package lacks the file \`${missing[0]}\``, { file: missing[0] });
}

function isTileOf(name, size) {
  const tile = parsePath(name);
  if (!tile) return false;
  const width = Math.min(Math.floor(size / WIDTH ** Math.max(tile.level, 0)) - tile.number * WIDTH, WIDTH);
  return width > 0 && width === tile.width;
}

function mayBeThere(name, size, layout) {
  if (BLOB.test(name)) return true;
  const anchor = ANCHOR.exec(name);
  if (layout.format === V1) return false;
  return anchor ? Number(anchor[1]) <= size : name === "verify.py";
}

// The entries whose times are held against what others saw: the last in a head, and the first after it.
function timesWanted(names, size) {
  const wanted = new Set([size - 1]);
  for (const name of names) {
    const match = ANCHOR.exec(name);
    if (match) wanted.add(Number(match[1]) - 1).add(Number(match[1]));
  }
  return wanted;
}

// -- what others saw, the other files, what was kept --------------------------------------------------

async function checkOutside(archive, tree, log, keys, verified, entries) {
  const heads = new Map();
  for (const name of archive.names) {
    const match = ANCHOR.exec(name);
    if (!match) continue;
    const size = Number(match[1]);
    if (!heads.has(size)) heads.set(size, { size, file: `anchors/${size}/checkpoint`, stamps: [] });
    if (match[3]) heads.get(size).stamps.push(Number(match[3]));
  }
  const sorted = [...heads.values()].sort((one, two) => one.size - two.size);
  for (const head of sorted) head.bytes = await archive.read(head.file);
  for (const head of sorted) head.note = await checkHead(head, tree, log, keys);
  const seen = [];
  let unknown = 0, stamps = 0;
  const saw = (size, lines) => {
    for (const { name, time } of lines) if (time && name !== tree.origin) seen.push({ size, time, name });
  };
  for (const { size, file, note, stamps: numbers } of sorted) {
    saw(size, await named(file, () => checkSignatures(note, keys)));
    unknown += strangers(note, tree.origin, keys);
    const imprint = sha256(bytesOf(note.text));
    for (const number of numbers.sort((one, two) => one - two)) {
      const name = `anchors/${size}/${number}.tsr`;
      if (!holds(await archive.read(name), imprint)) throw tampered(`the file \`${name}\` is no time-stamp of its checkpoint`, { file: name });
      stamps += 1;
    }
  }
  saw(tree.size, verified);
  unknown += strangers(splitNote(await archive.read("checkpoint")), tree.origin, keys);
  checkTimes(tree, seen, entries);
  return { seen, unknown, stamps };
}

const strangers = (note, origin, keys) =>
  note.signatures.filter((line) => line.name !== origin && !keys.some((key) => key.name === line.name && key.id === line.id)).length;

async function named(file, run) {
  try {
    return await run();
  } catch (error) {
    if (error instanceof Refusal) throw new Refusal(error.exit, `the file \`${file}\`: ${error.message}`, { file });
    throw error;
  }
}

async function checkHead({ file, size, bytes }, tree, log, keys) {
  let note, found;
  try {
    note = splitNote(bytes);
    found = parseCheckpoint(note.text);
  } catch (error) {
    throw tampered(`the file \`${file}\` was altered: ${error.message}`, { file });
  }
  if (found.origin !== tree.origin || found.size !== size) {
    throw tampered(`the file \`${file}\` was altered: it is a checkpoint of ${found.size} entries of \`${found.origin}\``, { file });
  }
  if (same(await rootAt(size, log.node), found.root)) return note;
  try {
    await openCheckpoint(bytes, keys);
  } catch {
    throw tampered(`the file \`${file}\` was altered: its root is not that of the package's first ${size} entries`, { file });
  }
  throw tampered(`the log's key signed two trees: \`${file}\` is of ${size} entries that are not the package's first ${size}. Keep both, they prove that the log was rewritten`, { file });
}

function holds(bytes, part) {
  for (let at = bytes.indexOf(part[0]); at >= 0; at = bytes.indexOf(part[0], at + 1)) {
    if (same(bytes.subarray(at, at + part.length), part)) return true;
  }
  return false;
}

function checkTimes(tree, seen, entries) {
  const second = (index) => Math.floor(Date.parse(entries.times.get(index)) / 1000);
  const wrong = (entry, at, time, what) => tampered(`entry ${entry} claims to be of ${utc(at)}, but at ${utc(time)} others saw that the log ${what}: its time is false`, { entry });
  for (const { size } of [...seen].sort((one, two) => one.size - two.size)) {
    const times = seen.filter((other) => other.size === size).map((other) => other.time);
    if (size < tree.size && entries.times.has(size)) {
      const at = second(size), time = Math.min(...times);
      if (at + TOLERANCE < time) throw wrong(size, at, time, "ended before it");
    }
    if (entries.times.has(size - 1)) {
      const at = second(size - 1), time = Math.max(...times);
      if (at - TOLERANCE > time) throw wrong(size - 1, at, time, "already held it");
    }
  }
}

async function checkSmallFiles(archive, tree, layout, entries, disclosures) {
  const blobs = {}, files = {};
  for (const name of [...archive.names].sort()) {
    const blob = BLOB.exec(name);
    if (name.startsWith("tile/") || name === "manifest.json") continue;
    const data = await archive.read(name), digest = hex(sha256(data));
    if (!blob) files[name] = digest;
    else if (digest !== blob[1]) throw tampered(`the file \`${name}\` was altered: its digest is not its name`, { file: name });
    else blobs[digest] = data.length;
  }
  await checkClaimedKeys(archive);
  const expected = {
    blobs,
    commitments: entries.commitments,
    disclosed: disclosures.length,
    files,
    form: disclosures.length === entries.commitments ? "re-performable" : "redacted",
    format: layout.format,
    origin: tree.origin,
    root: b64(tree.root),
    size: tree.size,
    ...(layout.format === V2 ? { minimum: layout.minimum } : {}),
  };
  if (!same(await archive.read("manifest.json"), bytesOf(canonical(expected)))) throw badManifest(expected, await readManifest(archive), archive.names);
  return { blobs: new Set(Object.keys(blobs)), verifier: files["verify.py"] ?? null, form: expected.form, partly: Boolean(archive.partly) };
}

function badManifest(expected, claimed, names) {
  for (const [member, folder] of [["files", ""], ["blobs", "blobs/"]]) {
    for (const name of isObject(claimed[member]) ? Object.keys(claimed[member]).sort() : []) {
      if (!names.has(folder + name)) return gap(`the package lacks the file \`${folder}${name}\``, { file: folder + name });
    }
  }
  const both = new Set([...Object.keys(expected), ...Object.keys(claimed)]);
  const differing = [...both].sort().filter((name) => !(name in claimed && name in expected) || canonical(claimed[name]) !== canonical(expected[name]));
  return tampered(`the file \`manifest.json\` does not fit the package: ${differing.join(", ")} differ; it or a file it describes was altered`, { file: "manifest.json" });
}

// The keys that the operator claims must be keys; nobody trusts them from here.
async function checkClaimedKeys(archive) {
  const file = "keys/log.vkey", wrong = (why) => tampered(`the file \`${file}\` was altered: ${why}`, { file });
  let text;
  try {
    text = textOf(await archive.read(file), "the file");
  } catch (error) {
    throw wrong(error.message);
  }
  if (text !== "" && !text.endsWith("\n")) throw wrong("not one key on each line");
  for (const line of text.split("\n").slice(0, -1)) {
    try {
      parseKey(line);
    } catch (error) {
      throw wrong(error.message);
    }
  }
}

async function checkRetained(retained, tree, log) {
  for (const { label, tree: old } of retained) {
    if (old.origin !== tree.origin) throw gap(`${label} is of the log \`${old.origin}\`, the package of \`${tree.origin}\`: one does not continue the other`, { file: label });
  }
  const sorted = [...retained].sort((one, two) => one.tree.size - two.tree.size);
  for (const { label, tree: old } of sorted) {
    if (old.size > tree.size) {
      throw gap(`the package ends after ${tree.size} entries, but ${label} was signed over ${old.size}: the entries ${tree.size} to ${old.size - 1} are missing. The tail was cut off, an older state was restored, or this is an older export`, { entry: tree.size });
    }
  }
  for (const { label, tree: old, index, leaf, path, root } of retained) {
    if (index === null) continue;
    if (index >= old.size) throw gap(`${label} is for entry ${index}, which its own checkpoint does not cover`, { file: label });
    const here = await log.nodeAt(0, index);
    if ((leaf && !same(leaf, here)) || (path && !includes(here, index, root.size, path, root.root))) {
      throw tampered(`entry ${index} was rewritten: ${label} is a signed receipt for another entry at this place than the package holds (leaf hash \`${hex(here)}\`)`, { entry: index });
    }
  }
  let good = 0;
  for (const { label, tree: old } of sorted) {
    if (!same(await rootAt(old.size, log.node), old.root)) {
      throw tampered(`the log was rewritten: ${label} was signed over ${old.size} entries that are not the package's first ${old.size}; the first difference lies among the entries ${good} to ${old.size - 1}`);
    }
    good = old.size;
  }
}
