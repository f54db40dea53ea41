// A package as a folder, as `governance audit export DIR` writes it and as people unpack one. A name
// is the way from the chosen folder. A browser gives no links and, when a folder is chosen, no
// hidden files: what it does not give cannot be refused, and the statement says so.

const MOST_FOLDERS = 16;
const MOST_BYTES = 0xffffffff;

// `files` are pairs of a name and a File.
function openFolder(files) {
  const folder = new Folder(new Map(files));
  const names = [...folder.names];
  const holds = (wanted) => names.some((name) => name === wanted || name.startsWith(`${wanted}/`));
  if (!holds("checkpoint") && !holds("manifest.json")) {
    throw nothing("the folder is no package: it holds neither `checkpoint` nor `manifest.json`");
  }
  for (const name of names) {
    const above = name.slice(0, name.lastIndexOf("/") + 1);
    if (above.split("/").length - 1 > MOST_FOLDERS) {
      throw tampered(`\`${above.slice(0, 80)}\` lies deeper than any file of a package`);
    }
  }
  return folder;
}

class Folder {
  constructor(files) {
    this.files = files;
    this.names = new Set(files.keys());
    this.partly = true;
  }

  // The bytes of one file, of a tile as many as show that it is too long.
  async read(name) {
    const file = this.files.get(name);
    if (!file) throw gap(`the package lacks the file \`${name}\``, { file: name });
    if (file.size >= MOST_BYTES) throw tampered(`the file \`${name}\` is too large for a package`, { file: name });
    let most = file.size;
    if (name.startsWith("tile/entries/")) most = WIDTH * (2 + 0xffff) + 1;
    else if (name.startsWith("tile/")) most = WIDTH * 32 + 1;
    try {
      return new Uint8Array(await file.slice(0, most).arrayBuffer());
    } catch (error) {
      if (error.name === "NotFoundError") throw gap(`the package lacks the file \`${name}\``, { file: name });
      throw new Refusal(2, `The file \`${name}\` cannot be read: it is not allowed, or the file was changed meanwhile. Choose the folder again.`, { file: name });
    }
  }

  // A folder holds no checksums of its own.
  seal() {}
}

// -- what was chosen or dropped -----------------------------------------------------------------------

// What a field for folders gave: each file with its name below the folder.
function chosenFolder(list) {
  const files = [...list].map((file) => [file.webkitRelativePath.slice(file.webkitRelativePath.indexOf("/") + 1), file]);
  return { name: list[0].webkitRelativePath.split("/", 1)[0], files };
}

// What was dropped, as a folder; null if it is none. To be called while the event is told: later
// the browser has forgotten. Two ways, as no browser has both from a file and over https.
function droppedFolder(item) {
  const entry = item.webkitGetAsEntry?.();
  if (!entry?.isDirectory) return null;
  const handle = item.getAsFileSystemHandle?.();
  return (async () => {
    const files = [];
    if (handle) await walkHandle(await handle, "", files);
    else await walkEntry(entry, "", files);
    return { name: entry.name, files };
  })();
}

async function walkHandle(folder, front, files) {
  for await (const [name, each] of folder.entries()) {
    if (each.kind === "file") files.push([front + name, await each.getFile()]);
    else await walkHandle(each, `${front}${name}/`, files);
  }
}

async function walkEntry(folder, front, files) {
  const reader = folder.createReader();
  for (;;) {
    const found = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (found.length === 0) return; // a reader gives some at a time
    for (const each of found) {
      if (each.isFile) files.push([front + each.name, await new Promise((resolve, reject) => each.file(resolve, reject))]);
      else await walkEntry(each, `${front}${each.name}/`, files);
    }
  }
}
