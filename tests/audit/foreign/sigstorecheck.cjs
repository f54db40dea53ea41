// Lets @sigstore/verify judge checkpoints and inclusion proofs of ours.
//
//   node sigstorecheck.cjs NODE_MODULES < cases.json > answers.json
//
// A case is {note, spki, index, entry, hashes}: the checkpoint, the log's public key (SubjectPublicKeyInfo)
// and the rest of the proof, bytes in base64. An answer is "" for accepted, a sentence for refused.
// Everything is judged by the package; it has no consistency proofs and no tiles.
'use strict';

const { createHash, createPublicKey } = require('node:crypto');
const { existsSync, readFileSync } = require('node:fs');
const { join } = require('node:path');

const home = join(process.argv[2], '@sigstore', 'verify', 'dist');
// the two files moved from one version of the package to another
const room = ['tlog', 'timestamp'].find((name) => existsSync(join(home, name, 'checkpoint.js')));
const { verifyCheckpoint } = require(join(home, room, 'checkpoint.js'));
const { verifyMerkleInclusion } = require(join(home, room, 'merkle.js'));

const bytes = (text) => Buffer.from(text, 'base64');

function judge(one) {
  const [body] = one.note.split('\n\n');
  const [origin, size, root] = body.split('\n');
  const publicKey = createPublicKey({ key: bytes(one.spki), format: 'der', type: 'spki' });
  const raw = bytes(one.spki).subarray(-32);
  const named = Buffer.concat([Buffer.from(`${origin}\n\x01`), raw]);
  const log = {
    baseURL: origin,
    logID: createHash('sha256').update(named).digest(),
    publicKey,
    validFor: { start: new Date(0), end: new Date(8.64e15) },
  };
  const inclusionProof = {
    checkpoint: { envelope: one.note },
    rootHash: bytes(root),
    logIndex: one.index,
    treeSize: size,
    hashes: one.hashes.map(bytes),
  };
  const entry = {
    integratedTime: '1000000000',
    logIndex: one.index,
    canonicalizedBody: bytes(one.entry),
    inclusionProof,
  };
  verifyMerkleInclusion(entry, verifyCheckpoint(entry, [log]));
}

const answers = JSON.parse(readFileSync(0, 'utf8')).map((one) => {
  try {
    judge(one);
    return '';
  } catch (error) {
    return String(error.message || error);
  }
});
process.stdout.write(JSON.stringify(answers));
