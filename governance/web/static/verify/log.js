// The log's hashes, computed from the entries, and where a signed root disproves them.

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
