// Keys, signed notes and checkpoints (C2SP signed-note, tlog-checkpoint, tlog-cosignature), and
// what a verifier kept from earlier. Signatures are checked by the browser (WebCrypto).

const ED25519 = 1, ECDSA = 2, ED25519_COSIGNATURE = 4, MLDSA44_COSIGNATURE = 6;
const BLANK = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

const goodName = (name) => name !== "" && !name.includes("+") && !BLANK.test(name) && !/[\x00-\x1f]/.test(name);

// The parts of a verifier key. Throws `Malformed` for any other text.
function parseKey(vkey) {
  if (vkey.includes("PRIVATE+KEY+")) throw new Malformed("this is the private half of a key, with which anybody could sign: keep it where it was, and give the verifier key, `name+id+key` (of a log, the line in `log.vkey`)");
  const [name, id] = vkey.split("+", 2);
  if (id === undefined || !goodName(name)) throw new Malformed(`\`${vkey.slice(0, 80)}\` is not a verifier key: expected name+id+key`);
  const material = unb64(vkey.slice(name.length + id.length + 2));
  const type = material[0], bytes = material.slice(1);
  const lengths = { [ED25519]: 32, [ED25519_COSIGNATURE]: 32, [MLDSA44_COSIGNATURE]: 1312 };
  if (type === ECDSA ? curveOf(bytes) === null : lengths[type] !== bytes.length) throw new Malformed(`\`${vkey.slice(0, 80)}\` is not a public key of a type that is known here`);
  const digest = type === ECDSA ? sha256(bytes) : sha256(bytesOf(name), 10, material);
  if (hex(digest.subarray(0, 4)) !== id) {
    throw new Malformed(`verifier key \`${vkey.slice(0, 80)}\`: the id is not that of its key; a character was lost or changed on the way`);
  }
  return { name, id, type, bytes };
}

// A verifier key that can be used here.
async function importKey(vkey) {
  const { name, id, type, bytes } = parseKey(vkey);
  if (type === MLDSA44_COSIGNATURE) throw new Malformed(`the key \`${name}\` is of type ML-DSA-44, which no browser can check; leave it out here, or use the Python verifier`);
  try {
    const key = type === ECDSA
      ? await importEcdsa(bytes)
      : { key: await crypto.subtle.importKey("raw", bytes, { name: "Ed25519" }, false, ["verify"]) };
    return { name, id, type, ...key };
  } catch {
    throw new Malformed(`\`${vkey.slice(0, 80)}\` is not a public key of a type that is known here`);
  }
}

// The curves of ECDSA keys: name, bytes of a number, what stands before the point in SPKI DER, and
// p and b of y² = x³ - 3x + b over the numbers below p (FIPS 186-5, SP 800-186 §3.2.1).
const CURVES = [
  ["P-256", 32, "3059301306072a8648ce3d020106082a8648ce3d03010703420004",
    2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
    0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn],
  ["P-384", 48, "3076301006072a8648ce3d020106052b8104002203620004",
    2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
    0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aefn],
  ["P-521", 66, "30819b301006072a8648ce3d020106052b810400230381860004",
    2n ** 521n - 1n,
    0x51953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00n],
];

// Name of the curve and bytes of a number; null unless the bytes are the only spelling of a key.
function curveOf(spki) {
  for (const [curve, width, front, p, b] of CURVES) {
    const start = front.length / 2;
    if (spki.length !== start + 2 * width || hex(spki.subarray(0, start)) !== front) continue;
    const x = BigInt(`0x${hex(spki.subarray(start, start + width))}`), y = BigInt(`0x${hex(spki.subarray(start + width))}`);
    return x < p && y < p && (y * y - x * x * x + 3n * x - b) % p === 0n ? { curve, width } : null;
  }
  return null;
}

// ECDSA with SHA-256, whatever the curve.
async function importEcdsa(bytes) {
  const { curve, width } = curveOf(bytes);
  return { key: await crypto.subtle.importKey("spki", bytes, { name: "ECDSA", namedCurve: curve }, false, ["verify"]), width };
}

// The time a signature bears (Unix seconds) or null. Throws a refusal if it does not hold.
async function checkSignature(key, text, signature) {
  const broken = (why = "does not hold") => unknownKey(`the signature by \`${key.name}\` ${why}`);
  let message = bytesOf(text), time = null, algorithm = { name: "Ed25519" };
  if (key.type === ED25519_COSIGNATURE) {
    if (signature.length !== 72) throw broken("is not of its key's length");
    const wide = new DataView(signature.slice(0, 8).buffer).getBigUint64(0);
    if (wide >= 2n ** 63n) throw broken("bears no possible time");
    time = Number(wide);
    message = join([bytesOf(`cosignature/v1\ntime ${wide}\n`), message]);
    signature = signature.slice(8);
  } else if (key.type === ECDSA) {
    algorithm = { name: "ECDSA", hash: "SHA-256" };
    signature = fromDer(signature, key.width) ?? new Uint8Array(2 * key.width);
  }
  if (!(await crypto.subtle.verify(algorithm, key.key, signature, message))) throw broken();
  return time;
}

// The two numbers of an ECDSA signature in DER, as WebCrypto wants them; null for anything else.
function fromDer(bytes, width) {
  const long = bytes[1] === 0x81 ? 1 : 0, numbers = [];
  if (bytes[0] !== 0x30 || bytes[1 + long] !== bytes.length - 2 - long || (long && bytes[2] < 128)) return null;
  let at = 2 + long;
  for (let i = 0; i < 2; i++) {
    const length = bytes[at + 1];
    let part = bytes.slice(at + 2, at + 2 + length);
    if (bytes[at] !== 2 || part.length !== length || length === 0 || part[0] & 0x80) return null;
    if (part[0] === 0 && length > 1) {
      if (!(part[1] & 0x80)) return null;
      part = part.slice(1);
    }
    if (part.length > width) return null;
    numbers.push(join([new Uint8Array(width - part.length), part]));
    at += 2 + length;
  }
  return at === bytes.length ? join(numbers) : null;
}

// The text of a note and its signature lines, unverified.
function splitNote(bytes) {
  const note = typeof bytes === "string" ? bytes : textOf(bytes, "the note");
  if (/[\x00-\x09\x0b-\x1f]/.test(note)) throw new Malformed("a note must not hold control characters");
  const end = note.lastIndexOf("\n\n");
  if (end < 0) throw new Malformed("the note has no blank line between its text and its signatures");
  const text = note.slice(0, end + 1), lines = note.slice(end + 2);
  if (!lines.endsWith("\n")) throw new Malformed("the note does not end in a signature line and a newline");
  const rows = lines.slice(0, -1).split("\n");
  if (rows.length > 100) throw new Malformed("the note has more than 100 signatures");
  const signatures = rows.map((row) => {
    const match = /^\u2014 ([^ ]+) (.+)$/.exec(row);
    if (!match || !goodName(match[1])) throw new Malformed(`\`${row.slice(0, 80)}\` is not a signature line`);
    const data = unb64(match[2]);
    if (data.length < 5) throw new Malformed(`the signature by \`${match[1]}\` is too short to be one`);
    return { name: match[1], id: hex(data.subarray(0, 4)), signature: data.slice(4) };
  });
  return { text, signatures };
}

function parseCheckpoint(text) {
  const lines = text.endsWith("\n") ? text.slice(0, -1).split("\n") : [];
  if (lines.length < 3 || lines.includes("")) throw new Malformed("a checkpoint has at least three lines, none of them empty");
  const root = unb64(lines[2]);
  if (root.length !== 32) throw new Malformed(`checkpoint of \`${lines[0].slice(0, 80)}\`: the root is not 32 bytes long`);
  return { origin: lines[0], size: decimal(lines[1]), root };
}

// The lines of pinned keys, checked. Throws a refusal if one of them does not hold.
async function checkSignatures(note, keys) {
  const verified = new Map();
  for (const line of note.signatures) {
    const key = keys.find((each) => each.name === line.name && each.id === line.id);
    if (!key) continue;
    const time = await checkSignature(key, note.text, line.signature);
    if (!verified.has(key)) verified.set(key, { name: key.name, id: key.id, time, type: key.type });
  }
  return [...verified.values()];
}

// The checkpoint in a note that a pinned key of the log itself signed.
async function openCheckpoint(bytes, keys) {
  const note = splitNote(bytes);
  const tree = parseCheckpoint(note.text);
  const own = keys.filter((key) => key.name === tree.origin && key.type !== ED25519_COSIGNATURE);
  if (!keys.some((key) => key.name === tree.origin)) {
    const pinned = keys.map((key) => `\`${key.name}\``).join(", ") || "none";
    throw unknownKey(`the checkpoint is of the log \`${tree.origin}\`, and no pinned key has that name (pinned: ${pinned})`);
  }
  const verified = await checkSignatures(note, keys);
  if (!verified.some((line) => own.some((key) => key.name === line.name && key.id === line.id))) {
    const signed = note.signatures.map((line) => `\`${line.name}+${line.id}\``).join(", ");
    throw unknownKey(`no pinned key of the log has signed it: signed by ${signed}`);
  }
  return { tree, verified, note };
}

// -- which keys sign, as the log's own entries say ------------------------------------------------

// The change of keys that an entry says; null if it says none.
function changeOf(index, { kind, data }) {
  if (kind !== "log_key.added" && kind !== "log_key.retired") return null;
  const begins = kind === "log_key.added", others = begins ? data.beside : data.remaining, why = data.why ?? "";
  if (!Array.isArray(others) || typeof why !== "string") return null;
  try {
    for (const vkey of [data.vkey, ...others]) parseKey(typeof vkey === "string" ? vkey : "");
  } catch {
    return null;
  }
  return { index, begins, vkey: data.vkey, why, others, inForce: begins ? [data.vkey, ...others] : others };
}

const shortKey = (vkey) => `\`${vkey.split("+", 2).join("+")}\``;
const shortKeys = (vkeys) => vkeys.map(shortKey).join(", ");

// A checkpoint that none of the keys signed which its log names last is refused.
async function checkSigners(note, changes) {
  const last = changes.at(-1);
  if (!last) return;
  const keys = [];
  for (const vkey of new Set(last.inForce)) {
    if (parseKey(vkey).type !== MLDSA44_COSIGNATURE) keys.push(await importKey(vkey));
  }
  const signed = await checkSignatures(note, keys).catch((error) => {
    if (error instanceof Refusal) return [];
    throw error;
  });
  if (signed.length) return;
  const retired = changes.filter((change) => !change.begins).map((change) => `entry ${change.index} retired ${shortKey(change.vkey)} (${change.why || "–"})`);
  throw unknownKey(`the checkpoint is signed by a key that its own log has retired, and by none that signs since entry ${last.index} (${shortKeys(last.inForce)}): somebody goes on with an old key. ${retired.join("; ")}`);
}

const changeInWords = (change) => change.begins
  ? `entry ${change.index} announced the log's key \`${change.vkey}\`, beside ${shortKeys(change.others)}`
  : `entry ${change.index} retired the log's key ${shortKey(change.vkey)} (${change.why || "–"}); ${shortKeys(change.others)} ${change.others.length > 1 ? "sign" : "signs"} from there on`;

// -- what was kept from earlier ------------------------------------------------------------------

const SLOT = 4096;

// The newest checkpoint in the two slots of a head file.
function readHead(bytes) {
  let best = null;
  for (let slot = 0; slot < 2; slot++) {
    const data = bytes.subarray(slot * SLOT, (slot + 1) * SLOT);
    if (data.length !== SLOT || !same(sha256(data.subarray(0, SLOT - 32)), data.subarray(SLOT - 32))) continue;
    const view = new DataView(data.buffer, data.byteOffset, SLOT);
    const sequence = view.getBigUint64(14), length = view.getUint16(22);
    const magic = same(data.subarray(0, 14), bytesOf("audit-head/v1\n"));
    if (!magic || length === 0 || length > 4040 || data.subarray(24 + length, SLOT - 32).some((byte) => byte)) continue;
    if (Number(sequence % 2n) !== slot || (best && best.sequence > sequence)) continue;
    best = { sequence, note: data.slice(24, 24 + length) };
  }
  if (!best) throw new Malformed("neither slot of the head file can be read: it is empty, cut or overwritten");
  return best.note;
}

function parseProof(text) {
  const end = text.indexOf("\n\n");
  const lines = text.slice(0, Math.max(end, 0)).split("\n");
  if (end < 0 || lines[0] !== "c2sp.org/tlog-proof@v1") throw new Malformed("not a proof: expected a first line `c2sp.org/tlog-proof@v1` and a blank line");
  if (lines[1]?.startsWith("extra ") && unb64(lines.splice(1, 1)[0].slice(6)).length === 0) {
    throw new Malformed("the proof's line `extra` is empty: without data it is left out");
  }
  if (!lines[1]?.startsWith("index ")) throw new Malformed("the proof lacks the line `index <n>`");
  const path = lines.slice(2).map(unb64);
  if (path.length > 63 || path.some((hash) => hash.length !== 32)) throw new Malformed("the proof has a hash that is not 32 bytes long, or too many of them");
  return { index: decimal(lines[1].slice(6)), path, note: text.slice(end + 2) };
}

// A head file, a signed checkpoint, a proof file or a JSON receipt, kept outside the package.
async function readRetained(label, bytes, keys) {
  try {
    const head = (bytes.length === 2 * SLOT && bytes.includes(0)) || same(bytes.subarray(0, 14), bytesOf("audit-head/v1\n"));
    const text = head ? textOf(readHead(bytes), "the head") : textOf(bytes, "what was kept");
    if (text.startsWith("{")) return await readReceipt(label, text, keys);
    if (text.startsWith("c2sp.org/tlog-proof@v1\n")) {
      const proof = parseProof(text);
      const { tree } = await openCheckpoint(proof.note, keys);
      return { label, tree, index: proof.index, leaf: null, path: proof.path, root: tree };
    }
    return { label, tree: (await openCheckpoint(text, keys)).tree, index: null };
  } catch (error) {
    if (error instanceof Refusal) throw new Refusal(error.exit, `${label}: ${error.message}`, { file: label });
    if (error instanceof Malformed) throw gap(`${label} cannot be used: ${error.message}`, { file: label });
    throw error;
  }
}

async function readReceipt(label, text, keys) {
  let receipt;
  try {
    receipt = JSON.parse(text);
    receipt = receipt.context || receipt;
    receipt = receipt.receipt || receipt;
  } catch {
    receipt = null;
  }
  const { index, tree_size: size, leaf_hash: leaf, checkpoint, proof } = receipt ?? {};
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || typeof checkpoint !== "string" || !/^[0-9a-f]{64}$/.test(leaf ?? "")) {
    throw new Malformed("expected a receipt with `index`, `leaf_hash`, `tree_size` and `checkpoint`");
  }
  const { tree } = await openCheckpoint(checkpoint, keys);
  if (tree.size !== size || index < 0 || index >= size) throw new Malformed("its index and tree size do not fit its checkpoint");
  const found = typeof proof === "string" && proof ? parseProof(proof) : null;
  if (found && found.index !== index) throw new Malformed("its proof is for another entry");
  const root = found ? (await openCheckpoint(found.note, keys)).tree : null;
  return { label, tree, index, leaf: unhex(leaf), path: found?.path, root };
}
