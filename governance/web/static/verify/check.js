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

async function verify(file, keys, kept, progress) {
  try {
    return await verifyArchive(await openZip(file), keys, kept, progress);
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

// -- hashes ------------------------------------------------------------------------------------------

class Log {
  constructor(archive, tree, minimum) {
    Object.assign(this, { archive, tree, minimum });
    this.groups = new Nodes();
    this.tail = new Nodes();
    this.mismatch = null;
    this.last = { number: -1, nodes: null };
    this.node = (level, index) => this.nodeAt(level, index);
  }

  tile(level, number, width) {
    return this.archive.read(tilePath(level, number, width));
  }

  // Read, hash and hand on every entry, 256 at a time.
  async scan(entries, progress) {
    const { size } = this.tree;
    for (let first = 0; first < size; first += WIDTH) {
      const group = first / WIDTH, width = Math.min(WIDTH, size - first);
      const leaves = await this.tile(0, group, width);
      let hashes;
      if (first < this.minimum) {
        hashes = storedLeaves(leaves, width);
        if (leaves.length !== width * 32) this.mismatch ??= first;
      } else {
        const [found, rest] = readBundle(await this.tile(-1, group, width));
        hashes = found.map(leafHash);
        const differing = hashes.findIndex((hash, i) => !same(hash, leaves.subarray(i * 32, i * 32 + 32)));
        if (rest || found.length !== width) throw unreadable(first, group, width, found.length, rest, differing);
        if (differing >= 0 || leaves.length !== width * 32) this.mismatch ??= first + Math.max(differing, 0);
        entries.read(first, found);
      }
      if (width === WIDTH) this.groups.append(rootOf(hashes));
      else this.tail = new Nodes(hashes);
      await progress(Math.min(first + width, size), size);
    }
  }

  // The hash of a complete subtree, as it follows from the entries themselves.
  async nodeAt(level, index) {
    if (level >= 8) return this.groups.node(level - 8, index);
    const group = Math.floor(index / 2 ** (8 - level)), inside = index - group * 2 ** (8 - level);
    if (group === this.groups.size) return this.tail.node(level, inside);
    if (this.last.number !== group) {
      const leaves = group * WIDTH < this.minimum
        ? storedLeaves(await this.tile(0, group, WIDTH), WIDTH)
        : readBundle(await this.tile(-1, group, WIDTH))[0].map(leafHash);
      this.last = { number: group, nodes: new Nodes(leaves) };
    }
    return this.last.nodes.node(level, inside);
  }

  // Entries, tiles and signed root must say the same.
  async check() {
    const { size, root } = this.tree;
    if (!same(await rootAt(size, this.node), root)) throw await this.altered();
    for (const tile of tilesOf(size)) {
      if (tile.level > 0 || this.mismatch !== null) {
        const stored = await this.tile(tile.level, tile.number, tile.width);
        if (!same(stored, join(await this.derived(tile)))) throw badTile(tile);
      }
    }
  }

  async derived(tile) {
    const hashes = [];
    for (let i = 0; i < tile.width; i++) hashes.push(await this.nodeAt(8 * tile.level, tile.number * WIDTH + i));
    return hashes;
  }

  async stored(tile) {
    const data = await this.tile(tile.level, tile.number, tile.width);
    return data.length === tile.width * 32 ? hashesIn(data) : [];
  }

  // Which entry is wrong: go down from what is signed as long as a tile's root is the hash above it.
  async altered() {
    const faults = await this.locate();
    const [first] = faults, last = first.stop - 1;
    const more = faults.length > 1 ? `; ${faults.length - 1} more were altered after it` : "";
    if (first.stop <= this.minimum) {
      return tampered(`the hashes of the entries ${first.start} to ${last}, which were pruned, were altered: they do not lead to the signed root`, { file: tilePath(0, Math.floor(first.start / WIDTH), WIDTH) });
    }
    if (first.leaf) {
      const group = Math.floor(first.start / WIDTH);
      const path = tilePath(0, group, Math.min(this.tree.size - group * WIDTH, WIDTH));
      return tampered(`entry ${first.start} was altered: its bytes do not hash to its leaf in \`${path}\`, and the signed root vouches for that leaf${more}`, { entry: first.start });
    }
    const hint = this.mismatch !== null && first.start <= this.mismatch && this.mismatch < first.stop
      ? `; entry ${this.mismatch} is the first that is not the leaf stored for it` : "";
    return tampered(`among the entries ${first.start} to ${last} something was altered: entries and tiles together, so that no single entry can be named, but the signed root is not theirs${hint}${more}`);
  }

  async locate() {
    const { size, root } = this.tree;
    const edge = [...tilesOf(size)].filter((tile) => tile.width < WIDTH).reverse();
    for (let choice = 0; choice < 2 ** edge.length; choice++) {
      const vouched = [];
      for (const [place, tile] of edge.entries()) {
        const stored = Math.floor(choice / 2 ** (edge.length - 1 - place)) % 2;
        vouched.push(stored ? await this.stored(tile) : await this.derived(tile));
      }
      if (!same(edgeRoot(vouched), root)) continue;
      const faults = [];
      for (const [place, tile] of edge.entries()) await this.below(tile, vouched[place], faults);
      return faults.sort((one, two) => one.start - two.start);
    }
    return [{ start: 0, stop: size, leaf: false }];
  }

  async below(tile, vouched, faults) {
    const each = WIDTH ** tile.level, found = await this.derived(tile);
    for (let place = 0; place < Math.min(vouched.length, found.length); place++) {
      if (same(vouched[place], found[place])) continue;
      const index = tile.number * WIDTH + place;
      if (tile.level === 0) {
        faults.push({ start: index, stop: index + 1, leaf: true });
        continue;
      }
      const child = { level: tile.level - 1, number: index, width: WIDTH };
      const hashes = await this.stored(child);
      if (hashes.length === WIDTH && same(rootOf(hashes), vouched[place])) await this.below(child, hashes, faults);
      else faults.push({ start: index * each, stop: (index + 1) * each, leaf: false });
    }
  }
}

function storedLeaves(tile, width) {
  const whole = new Uint8Array(width * 32);
  whole.set(tile.subarray(0, width * 32));
  return hashesIn(whole);
}

function edgeRoot(levels) {
  const peaks = [];
  for (const hashes of levels) {
    const nodes = new Nodes(hashes);
    for (let level = nodes.levels.length - 1; level >= 0; level--) {
      const count = Math.floor(hashes.length / 2 ** level);
      if (count % 2) peaks.push(nodes.node(level, count - 1));
    }
  }
  return fold(peaks);
}

function unreadable(first, group, width, found, rest, differing) {
  const file = tilePath(-1, group, width);
  const entry = first + (differing < 0 ? found : differing);
  const held = `\`${file}\` holds ${found} readable entries where ${width} belong`;
  if (!rest && differing < 0 && found < width) return gap(`entry ${entry} is missing: ${held}`, { entry, file });
  return tampered(`entry ${entry} was altered: ${held}, and entry ${entry} is the first that is not as it was`, { entry, file });
}

function badTile(tile) {
  const each = WIDTH ** tile.level, start = tile.number * WIDTH * each;
  const file = tilePath(tile.level, tile.number, tile.width);
  return tampered(`the file \`${file}\` was altered: the entries ${start} to ${start + tile.width * each - 1} are as they were signed, but it holds other hashes for them`, { file });
}

// -- entries -----------------------------------------------------------------------------------------

class Entries {
  constructor(minimum, disclosures, wanted) {
    this.minimum = minimum;
    this.wanted = wanted;
    this.wrong = null;
    this.firstAt = this.lastAt = "";
    this.roles = [];
    this.roleOf = [];
    this.kinds = new Map();
    this.references = this.unseen = this.commitments = this.pruned = 0;
    this.files = new Set();
    this.changes = [];
    this.shown = new Map();
    this.times = new Map();
    for (const shown of disclosures) {
      if (!this.shown.has(shown.index)) this.shown.set(shown.index, []);
      this.shown.get(shown.index).push(shown);
    }
  }

  read(first, entries) {
    for (let i = 0; i < entries.length && this.wrong === null; i++) {
      const index = first + i;
      try {
        this.one(index, decodeEntry(entries[i]));
      } catch (error) {
        if (error instanceof Refusal) this.wrong = error;
        else if (error instanceof Malformed) {
          this.wrong = tampered(`entry ${index} is not as an entry must be, though it was signed: ${error.message}`, { entry: index });
        } else throw error;
      }
    }
  }

  one(index, entry) {
    const { at, kind, data } = entry;
    if (at < this.lastAt) throw new Malformed(`its time ${at} is before that of the entry before it`);
    this.firstAt ||= at;
    this.lastAt = at;
    if (this.wanted.has(index)) this.times.set(index, at);
    this.kinds.set(kind, (this.kinds.get(kind) ?? 0) + 1);
    let role = this.roles.indexOf(kind.split(".")[0]);
    if (role < 0) role = this.roles.push(kind.split(".")[0]) - 1;
    this.roleOf[index - this.minimum] = role;
    for (const [name, target] of Object.entries(data.refs ?? {})) {
      this.references += 1;
      if (target >= index) throw new Malformed(`\`refs.${name}\` points to entry ${target}, which is not before it`);
      if (target < this.minimum) {
        this.unseen += 1;
        continue;
      }
      const found = this.roles[this.roleOf[target - this.minimum]];
      if (found !== name) throw new Malformed(`\`refs.${name}\` points to entry ${target}, which is a \`${found}\``);
    }
    const committed = data.commitments ?? {};
    this.commitments += Object.keys(committed).length;
    for (const digest of Object.values(data.files ?? {})) this.files.add(digest);
    if (kind === "retention.pruned" && Number.isSafeInteger(data.minimum)) this.pruned = Math.max(this.pruned, data.minimum);
    const change = changeOf(index, entry);
    if (change) this.changes.push(change);
    for (const shown of this.shown.get(index) ?? []) this.checkShown(index, committed, shown);
  }

  checkShown(index, committed, { name, salt, value }) {
    const wrong = (why) => tampered(`\`disclosures.jsonl\`, entry ${index}: ${why}`, { entry: index, file: "disclosures.jsonl" });
    if (!Object.hasOwn(committed, name)) throw wrong(`a value is shown for \`${name}\`, to which it does not commit`);
    let made;
    try {
      made = commitment(salt, name, value);
    } catch (error) {
      throw wrong(error.message);
    }
    if (made !== committed[name]) throw wrong(`the value shown for \`${name}\` is not the one that was committed to`);
  }

  check(minimum) {
    if (this.wrong !== null) throw this.wrong;
    if (minimum > this.pruned) {
      throw gap(`the entries ${this.pruned} to ${minimum - 1} are missing, and no entry of the log says that they were pruned (\`retention.pruned\`)`, { entry: this.pruned });
    }
  }
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
  return { blobs: new Set(Object.keys(blobs)), verifier: files["verify.py"] ?? null, form: expected.form };
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

// -- in words ------------------------------------------------------------------------------------------

function statement(result) {
  const { tree, verified, layout, entries, disclosures, outside, present, retained } = result;
  const signers = verified.filter((line) => line.name === tree.origin).map((line) => `\`${line.name}+${line.id}\``);
  const proven = [`the log \`${tree.origin}\` holds ${counted(tree.size, "entry", "entries")} under the root \`${b64(tree.root)}\`, signed by ${signers.join(", ")}`];
  if (layout.minimum) {
    proven.push(
      `the entries 0 to ${layout.minimum - 1} were pruned, as an entry of the log says; the hashes of all of them are here and are those that were signed`,
      `from entry ${layout.minimum} on, every entry is byte for byte what was signed, in its place; none is left out, inserted or exchanged before the end`,
    );
  } else proven.push("every entry is byte for byte what was signed, in its place; none is left out, inserted or exchanged before the end");
  proven.push(`times never go back: ${entries.firstAt} to ${entries.lastAt}`);
  proven.push(`references between entries: ${number(entries.references)}, each to an earlier entry of the kind it claims`);
  proven.push(...entries.changes.map(changeInWords));
  if (disclosures.length) proven.push(`commitments opened: ${number(disclosures.length)} of ${number(entries.commitments)}; the values shown are those committed to`);
  if (present.blobs.size) proven.push(`blobs: ${number(present.blobs.size)}, each with the bytes of its digest`);
  if (retained.length) proven.push(`heads and receipts kept outside: ${number(retained.length)}, all in agreement with the log`);
  for (const [name, heads] of Map.groupBy ? Map.groupBy(outside.seen, (seen) => seen.name) : grouped(outside.seen)) {
    const newest = heads.reduce((one, two) => (two.size >= one.size ? two : one));
    const more = heads.length > 1 ? ` (and ${counted(heads.length - 1, "head", "heads")} before)` : "";
    proven.push(`the first ${counted(newest.size, "entry", "entries")} existed before ${utc(newest.time)}: the witness \`${name}\` cosigned their tree then${more}`);
  }
  return { proven, notProven: limits(result) };
}

function grouped(seen) {
  const groups = new Map();
  for (const one of seen) groups.set(one.name, [...(groups.get(one.name) ?? []), one]);
  return groups;
}

function limits({ tree, entries, disclosures, outside, present, retained }) {
  const lines = [retained.length
    ? "that no entries were cut off after the last one that the retained head or receipts cover"
    : "that no entries were cut off after the last, or the whole log rewritten by whoever has the key: no retained head or receipt was given"];
  const last = outside.seen.reduce((most, seen) => Math.max(most, seen.size), 0);
  if (last < tree.size) {
    lines.push(`that ${last ? `the times from entry ${last} on` : "the times"} are true: no witness saw them, they are the operator's word`);
    lines.push(`that others were shown the same log: no witness has signed ${last ? `a tree of more than ${number(last)} entries` : "this tree"}`);
  }
  if (outside.unknown) lines.push(`cosignatures by keys that were not given: ${number(outside.unknown)}; they were not checked`);
  if (outside.stamps) lines.push(`time-stamps: ${number(outside.stamps)} were not checked, because a browser cannot; the Python verifier can (--tsa)`);
  const hidden = entries.commitments - disclosures.length;
  if (hidden > 0) lines.push(`the values behind ${number(hidden)} of ${number(entries.commitments)} commitments: they were withheld or erased`);
  const missing = [...entries.files].filter((digest) => !present.blobs.has(digest)).length;
  const unnamed = [...present.blobs].filter((digest) => !entries.files.has(digest)).length;
  if (missing) lines.push(`the content of files that entries name: ${number(missing)} are not in the package`);
  if (unnamed) lines.push(`that every blob belongs to the log: no entry names the digest of ${number(unnamed)}`);
  if (entries.unseen) lines.push(`that ${number(entries.unseen)} references are to entries of the kind they claim: those entries were pruned`);
  if (present.verifier) lines.push(`that the \`verify.py\` in the package is the published one: it was not used here; its SHA-256 is \`${present.verifier}\``);
  lines.push("that the verdicts follow from the policies: they were not re-performed here");
  lines.push("that everything that happened was put into the log");
  return lines;
}
