// Parses sources with the grammars of Tree-sitter, each by the ending of its name.
//
//   node --liftoff-only syntax.mjs WritegateConnector.kt …   # without the flag V8 may run out of memory while it optimizes
//
// The last line on standard output is JSON: by source, where it can't be read.
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { extname } from 'node:path';
import { Language, Parser } from 'web-tree-sitter';

const grammars = {
  '.cs': '@repomix/tree-sitter-wasms/out/tree-sitter-c_sharp.wasm',
  '.dart': '@repomix/tree-sitter-wasms/out/tree-sitter-dart.wasm',
  '.kt': '@tree-sitter-grammars/tree-sitter-kotlin/tree-sitter-kotlin.wasm',
  '.rs': '@repomix/tree-sitter-wasms/out/tree-sitter-rust.wasm',
  '.swift': '@repomix/tree-sitter-wasms/out/tree-sitter-swift.wasm'
};

/** The innermost nodes that don't fit the grammar. */
function* faults(node) {
  if (!node.hasError) return;
  const inner = node.children.flatMap((child) => [...faults(child)]);
  if (inner.length > 0) yield* inner;
  else yield `${node.startPosition.row + 1}:${node.startPosition.column + 1}: ${node.isMissing ? `${node.type} is missing` : node.text.slice(0, 40)}`;
}

await Parser.init();
const found = {};
for (const path of process.argv.slice(2)) {
  const parser = new Parser();
  const grammar = fileURLToPath(new URL(`node_modules/${grammars[extname(path)]}`, import.meta.url));
  parser.setLanguage(await Language.load(grammar));
  found[path] = [...faults(parser.parse(await readFile(path, 'utf8')).rootNode)];
}
console.log(JSON.stringify(found));
