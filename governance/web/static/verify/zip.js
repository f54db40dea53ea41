// A package in its zip, of which every byte is determined: nothing compressed, every date
// 1980-01-01, no comments, no gaps. All headers are made again and compared.

const WINDOW = 2 << 20;
const GLANCE = 16 << 10;
const WINDOWS = 4;
const NOT_AS_WRITTEN = "is not as it was written: altered, or packed again by another program; then check the unpacked "
  + "folder, or the zip as it was handed out";

// A file that is read in windows: entries and hashes lie far apart and are read side by side.
class Source {
  constructor(file) {
    this.file = file;
    this.size = file.size;
    this.windows = [];
  }

  async read(start, length) {
    const stop = start + length;
    let found = this.windows.find((each) => each.start <= start && stop <= each.start + each.bytes.length);
    if (!found) {
      // far only where reading goes on: files can lie in any order, each of them far from the last
      const goesOn = this.windows.some((each) => each.start < start && start <= each.start + each.bytes.length);
      const end = Math.min(this.size, start + Math.max(length, goesOn ? WINDOW : GLANCE));
      found = { start, bytes: new Uint8Array(await this.file.slice(start, end).arrayBuffer()) };
    }
    this.windows = [found, ...this.windows.filter((each) => each !== found)].slice(0, WINDOWS);
    return found.bytes.slice(start - found.start, stop - found.start);
  }
}

const damaged = (what) => tampered(`the archive itself is damaged: ${what}`, { file: "(archive)" });

function record(length, fill) {
  const bytes = new Uint8Array(length);
  fill(new DataView(bytes.buffer));
  return bytes;
}

function localHeader(member) {
  const name = bytesOf(member.name);
  const head = record(30, (v) => {
    v.setUint32(0, 0x04034b50, true);
    v.setUint16(4, 20, true);
    v.setUint16(12, 0x21, true);
    v.setUint32(14, member.checksum, true);
    v.setUint32(18, member.size, true);
    v.setUint32(22, member.size, true);
    v.setUint16(26, name.length, true);
  });
  return join([head, name]);
}

function centralHeader(member) {
  const name = bytesOf(member.name), far = member.offset >= 0xffffffff;
  const extra = far
    ? record(12, (v) => {
        v.setUint16(0, 1, true);
        v.setUint16(2, 8, true);
        v.setBigUint64(4, BigInt(member.offset), true);
      })
    : new Uint8Array(0);
  const head = record(46, (v) => {
    v.setUint32(0, 0x02014b50, true);
    v.setUint16(4, (3 << 8) | 20, true);
    v.setUint16(6, 20, true);
    v.setUint16(14, 0x21, true);
    v.setUint32(16, member.checksum, true);
    v.setUint32(20, member.size, true);
    v.setUint32(24, member.size, true);
    v.setUint16(28, name.length, true);
    v.setUint16(30, extra.length, true);
    v.setUint32(38, (0o100644 << 16) >>> 0, true);
    v.setUint32(42, far ? 0xffffffff : member.offset, true);
  });
  return join([head, name, extra]);
}

function endRecords(count, directory, length) {
  const small = count < 0xffff && directory < 0xffffffff && length < 0xffffffff;
  const end = record(22, (v) => {
    v.setUint32(0, 0x06054b50, true);
    v.setUint16(8, small ? count : 0xffff, true);
    v.setUint16(10, small ? count : 0xffff, true);
    v.setUint32(12, small ? length : 0xffffffff, true);
    v.setUint32(16, small ? directory : 0xffffffff, true);
  });
  if (small) return end;
  const end64 = record(56, (v) => {
    v.setUint32(0, 0x06064b50, true);
    v.setBigUint64(4, 44n, true);
    v.setUint16(12, (3 << 8) | 45, true);
    v.setUint16(14, 45, true);
    v.setBigUint64(24, BigInt(count), true);
    v.setBigUint64(32, BigInt(count), true);
    v.setBigUint64(40, BigInt(length), true);
    v.setBigUint64(48, BigInt(directory), true);
  });
  const locator = record(20, (v) => {
    v.setUint32(0, 0x07064b50, true);
    v.setBigUint64(8, BigInt(directory + length), true);
    v.setUint32(16, 1, true);
  });
  return join([end64, locator, end]);
}

async function bounds(source) {
  let end = source.size - 22;
  if (end < 0) throw damaged("it does not end in an archive's closing record: cut, or not a package");
  let view = new DataView((await source.read(end, 22)).buffer);
  if (view.getUint32(0, true) !== 0x06054b50) {
    throw damaged("it does not end in an archive's closing record: cut, or not a package");
  }
  let length = view.getUint32(12, true), directory = view.getUint32(16, true);
  if (directory === 0xffffffff) {
    end -= 76;
    if (end < 0) throw damaged("its closing record does not fit its length");
    view = new DataView((await source.read(end, 56)).buffer);
    length = Number(view.getBigUint64(40, true));
    directory = Number(view.getBigUint64(48, true));
  }
  if (directory + length !== end) throw damaged("its closing record does not fit its length");
  return [directory, end];
}

async function openZip(file) {
  const source = new Source(file);
  if (source.size === 0) throw nothing("there is no package: the file is empty");
  const [directory, stop] = await bounds(source);
  const records = await source.read(directory, source.size - directory);
  const view = new DataView(records.buffer);
  const members = new Map(), parts = [];
  let at = 0, position = 0, count = 0;
  while (at < stop - directory) {
    if (at + 46 > records.length) throw damaged(`its directory is cut at byte ${directory + at}`);
    const nameLength = view.getUint16(at + 28, true), extra = view.getUint16(at + 30, true);
    const raw = records.subarray(at + 46, at + 46 + nameLength);
    const name = Array.from(raw, (byte) => String.fromCharCode(byte)).join("");
    if (!/^[A-Za-z0-9._/-]+$/.test(name)) throw damaged(`its directory holds no file name at byte ${directory + at + 46}`);
    const member = {
      name,
      checksum: view.getUint32(at + 16, true),
      size: view.getUint32(at + 20, true),
      offset: view.getUint32(at + 42, true),
    };
    if (member.offset === 0xffffffff && extra === 12 && at + 46 + nameLength + 12 <= records.length) {
      member.offset = Number(view.getBigUint64(at + 46 + nameLength + 4, true));
    }
    if (member.offset !== position) {
      throw tampered(`the archive's header of \`${name}\` ${NOT_AS_WRITTEN}`, { file: name });
    }
    if (members.has(name)) throw damaged("a name occurs twice");
    members.set(name, member);
    parts.push(centralHeader(member));
    position += 30 + name.length + member.size;
    at += 46 + nameLength + extra;
    count += 1;
  }
  const made = join(parts);
  if (position !== directory || !same(records, join([made, endRecords(count, position, made.length)]))) {
    throw damaged(`its directory ${NOT_AS_WRITTEN}`);
  }
  for (const member of members.values()) {
    const header = localHeader(member);
    if (!same(await source.read(member.offset, header.length), header)) {
      throw tampered(`the archive's header of \`${member.name}\` ${NOT_AS_WRITTEN}`, { file: member.name });
    }
  }
  return new Archive(source, members);
}

class Archive {
  constructor(source, members) {
    this.source = source;
    this.members = members;
    this.names = new Set(members.keys());
    this.unsealed = [];
  }

  // The bytes of one file. A checksum that is not the file's is remembered for later: whatever is
  // wrong with the content is the better thing to say.
  async read(name) {
    const member = this.members.get(name);
    if (!member) throw gap(`the package lacks the file \`${name}\``, { file: name });
    const data = await this.source.read(member.offset + 30 + name.length, member.size);
    if (crc32(data) !== member.checksum) this.unsealed.push(name);
    return data;
  }

  // Throws if a file that was read, and whose name begins so, has another checksum in the archive.
  seal(front) {
    const name = this.unsealed.find((each) => each.startsWith(front));
    if (name !== undefined) {
      throw tampered(`the archive's checksum of \`${name}\` is not that of the file`, { file: name });
    }
  }
}
