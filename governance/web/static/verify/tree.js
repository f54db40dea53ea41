// The tree (RFC 9162) and how it lies in files (C2SP tlog-tiles).

const WIDTH = 256;
const leafHash = (entry) => sha256(0, entry);
const nodeHash = (left, right) => sha256(1, left, right);
const EMPTY_ROOT = () => sha256();

// Complete subtrees of a growing list of hashes: levels[0] are the hashes themselves.
class Nodes {
  constructor(hashes = []) {
    this.levels = [];
    this.size = 0;
    for (const hash of hashes) this.append(hash);
  }

  append(hash) {
    let level = 0, count = this.size;
    (this.levels[0] ??= []).push(hash);
    while (count & 1) {
      const row = this.levels[level];
      hash = nodeHash(row[row.length - 2], hash);
      level += 1;
      count >>>= 1;
      (this.levels[level] ??= []).push(hash);
    }
    this.size += 1;
  }

  node(level, index) {
    const found = this.levels[level]?.[index];
    if (!found) throw new Malformed(`the tree has no node ${index} of level ${level}`);
    return found;
  }
}

function fold(peaks) {
  if (peaks.length === 0) return EMPTY_ROOT();
  return peaks.reduceRight((root, peak) => nodeHash(peak, root));
}

// The root of the first `size` leaves; `node(level, index)` gives complete subtrees, perhaps later.
async function rootAt(size, node) {
  const peaks = [];
  let start = 0;
  for (let level = 52; level >= 0; level--) {
    const span = 2 ** level;
    if (Math.floor(size / span) % 2) {
      peaks.push(await node(level, start / span));
      start += span;
    }
  }
  return fold(peaks);
}

function rootOf(hashes) {
  const nodes = new Nodes(hashes), peaks = [];
  let start = 0;
  for (let level = nodes.levels.length - 1; level >= 0; level--) {
    const span = 2 ** level;
    if (Math.floor(hashes.length / span) % 2) {
      peaks.push(nodes.node(level, start / span));
      start += span;
    }
  }
  return fold(peaks);
}

// Whether `path` leads from the leaf hash at `index` to `root`, RFC 9162 §2.1.3.2.
function includes(leaf, index, size, path, root) {
  if (index >= size) return false;
  let fn = BigInt(index), sn = BigInt(size) - 1n, hash = leaf;
  for (const step of path) {
    if (sn === 0n) return false;
    if (fn & 1n || fn === sn) {
      hash = nodeHash(step, hash);
      while (!(fn & 1n) && fn) {
        fn >>= 1n;
        sn >>= 1n;
      }
    } else hash = nodeHash(hash, step);
    fn >>= 1n;
    sn >>= 1n;
  }
  return sn === 0n && same(hash, root);
}

// A tile: level (-1 for a bundle of entries), number in its level, width 1 to 256.
function tilePath(level, number, width) {
  const groups = [String(number % 1000).padStart(3, "0")];
  for (let rest = Math.floor(number / 1000); rest; rest = Math.floor(rest / 1000)) {
    groups.push("x" + String(rest % 1000).padStart(3, "0"));
  }
  const place = `tile/${level < 0 ? "entries" : level}/${groups.reverse().join("/")}`;
  return width < WIDTH ? `${place}.p/${width}` : place;
}

// The tile at a path; null for a path that no tile has. Numbers beyond 2^53 are no longer exact.
function parsePath(path) {
  const match = /^tile\/(entries|0|[1-9][0-9]?)\/((?!x000)(?:x[0-9]{3}\/)*[0-9]{3})(?:\.p\/([1-9][0-9]{0,2}))?$/.exec(path);
  if (!match) return null;
  const level = match[1] === "entries" ? -1 : Number(match[1]);
  const number = BigInt(match[2].replaceAll("x", "").replaceAll("/", ""));
  const width = match[3] === undefined ? WIDTH : Number(match[3]);
  const known = level <= 63 && number < 2n ** 63n && (match[3] === undefined || width < WIDTH);
  return known ? { level, number: Number(number), width } : null;
}

// Level by level, left to right; bundles from the one numbered `first` on.
function* tilesOf(size) {
  for (let level = 0, hashes = size; hashes; level += 1, hashes = Math.floor(hashes / WIDTH)) {
    for (let number = 0; number * WIDTH < hashes; number++) {
      yield { level, number, width: Math.min(WIDTH, hashes - number * WIDTH) };
    }
  }
}

function* bundlesOf(size, first) {
  for (let number = first; number * WIDTH < size; number++) {
    yield { level: -1, number, width: Math.min(WIDTH, size - number * WIDTH) };
  }
}

// The entries that can be read from the front of a bundle, and how many bytes are left over.
function readBundle(bytes) {
  const entries = [];
  let at = 0;
  while (at + 2 <= bytes.length) {
    const stop = at + 2 + ((bytes[at] << 8) | bytes[at + 1]);
    if (stop > bytes.length) break;
    entries.push(bytes.subarray(at + 2, stop));
    at = stop;
  }
  return [entries, bytes.length - at];
}

function hashesIn(tile) {
  const found = [];
  for (let at = 0; at + 32 <= tile.length; at += 32) found.push(tile.subarray(at, at + 32));
  return found;
}
