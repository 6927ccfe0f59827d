#!/usr/bin/env python3
"""Checks the layout of the workspace's Rust code. Prints each offence with its file and line, and exits with 1 if there are any.

  scripts/check_structure.py

1. No file is longer than 600 lines.
2. No folder holds more than 14 Rust files.
3. No struct has more than 12 fields, except settings and rows of figures (`WIDE_STRUCTS`).
4. The files of a crate do not import each other in a circle. An import through a re-export counts as an import of the
   module that defines the name; a re-export itself (`pub use`) and code under `#[cfg(test)]` do not count.
5. A public type's name is unique over all crates.
"""
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MAX_LINES = 600
MAX_FILES = 14
MAX_FIELDS = 12
# Settings, policies and command lines list every option; rows, reports and snapshots list every figure. Each field is read by
# itself, so a longer list is no harder to follow. `Sps` is the row of an H.264 parameter set: one field a syntax element.
WIDE_STRUCTS = re.compile(r'(Settings|Policy|Args|Arguments|Options|Row|Record|Stats|Snapshot|Report)$|^Sps$')
ITEM = re.compile(r'\b(?:struct|enum|union|trait|type|fn|const|static|macro_rules!)\s+(\w+)')
TYPE = re.compile(r'^pub (?:unsafe )?(?:struct|enum|union|trait|type)\s+(\w+)', re.M)
MOD = re.compile(r'\bmod\s+(\w+)\s*([;{])')
USE = re.compile(r'(\bpub(?:\([\w\s:]+\))?\s+)?\buse\s+([^;]+);')
PATH = re.compile(r'(?<![\w:$])(\w+)((?:::\w+)+)')


def blank(text):
    """Returns `text` with comments, strings and characters replaced by spaces. Lines and offsets stay the same."""
    token = re.compile(r'//[^\n]*|/\*.*?\*/|\bb?r(#*)".*?"\1|b?"(?:\\.|[^"\\])*"|b?\'(?:\\[^u]|\\u\{\w+\}|[^\'\\])\'', re.S)
    return token.sub(lambda m: re.sub(r'[^\n]', ' ', m.group()), text)


def closing(code, start):
    """Returns the offset behind the bracket that closes the one at `start`."""
    depth = 0
    for at in range(start, len(code)):
        depth += {'{': 1, '}': -1}.get(code[at], 0)
        if depth == 0:
            return at + 1
    return len(code)


def without_tests(code):
    """Returns `code` with the items under `#[cfg(test)]` (and `#[cfg(all(test, ...))]`) replaced by spaces."""
    for match in reversed(list(re.finditer(r'#\[cfg\((?:all\()?test\b[^\]]*\]', code))):
        brace = code.find('{', match.end())
        semicolon = code.find(';', match.end())
        end = closing(code, brace) if brace >= 0 and not 0 <= semicolon < brace else semicolon + 1
        code = code[:match.start()] + re.sub(r'[^\n]', ' ', code[match.start():end]) + code[end:]
    return code


def line_of(code, offset):
    return code.count('\n', 0, offset) + 1


class Module:
    """A module: the names that it defines, imports and contains, and the paths that its code mentions."""

    def __init__(self, file, parent):
        self.file, self.parent = file, parent
        self.children, self.items, self.imports, self.globs, self.paths = {}, set(), {}, [], []


def use_tree(text):
    """Yields `(path, name)` for each leaf of a `use` tree. The name of a glob is `*`."""
    text = text.strip()
    brace = text.find('{')
    if brace < 0:
        path, _, alias = text.partition(' as ')
        path = [part.strip() for part in path.split('::') if part.strip()]
        if path and path[-1] == 'self':
            path.pop()
        if path:
            yield path, alias.strip() or path[-1]
        return
    head = [part.strip() for part in text[:brace].split('::') if part.strip()]
    depth, part = 0, ''
    for char in text[brace + 1:text.rfind('}')] + ',':
        if char == ',' and depth == 0:
            for path, name in use_tree(part):
                yield (head if path == ['self'] else head + path), name
            if part.strip() == 'self':
                yield head, head[-1]
            part = ''
        else:
            depth += {'{': 1, '}': -1}.get(char, 0)
            part += char


def load(file, parent=None, folder=None):
    """Reads a module's file and, from it, its child modules."""
    module = Module(file, parent)
    text = file.read_text()
    folder = folder or (file.parent if file.name in ('lib.rs', 'main.rs', 'mod.rs') else file.parent / file.stem)
    fill(module, without_tests(blank(text)), text, folder)
    return module


def fill(module, code, text, folder, base=0):
    """Fills the module from `code`, which begins at offset `base` of the file's `text`."""
    while (found := MOD.search(code)) is not None:
        name, end = found.group(1), found.end()
        if found.group(2) == '{':
            child = Module(module.file, module)
            end = closing(code, found.end() - 1)
            inner = code[found.end():end - 1]
            fill(child, inner, text, folder / name, base + found.end())
            module.children.setdefault(name, []).append(child)
        else:
            before = text[max(0, base + found.start() - 200):base + found.start()]
            named = re.search(r'#\[path\s*=\s*"([^"]+)"\]\s*(?:#\[[^\]]*\]\s*)*(?:pub(?:\(\w+\))?\s+)?$', before)
            places = [module.file.parent / named.group(1)] if named else [folder / f'{name}.rs', folder / name / 'mod.rs']
            for place in places:
                if place.exists():
                    inside = place.parent if named and place.name == 'mod.rs' else None
                    module.children.setdefault(name, []).append(load(place, module, inside))
        code = code[:found.start()] + re.sub(r'[^\n]', ' ', code[found.start():end]) + code[end:]
    for use in USE.finditer(code):
        line = line_of(text, base + use.start())
        for path, name in use_tree(use.group(2)):
            if name == '*':
                module.globs.append(path[:-1])
                path = path[:-1]
            else:
                module.imports.setdefault(name, path)
            if not use.group(1):
                module.paths.append((path, line))
    rest = USE.sub(lambda m: re.sub(r'[^\n]', ' ', m.group()), code)
    module.items.update(ITEM.findall(rest))
    module.paths += [([m.group(1), *m.group(2)[2:].split('::')], line_of(text, base + m.start())) for m in PATH.finditer(rest)]


def lookup(module, name, seen):
    """Returns the child module, or the module that defines the item, called `name` in `module`. `None` if it is foreign."""
    if (id(module), name) in seen:
        return None
    seen = seen | {(id(module), name)}
    if name in module.children:
        return module.children[name][0], True
    if name in module.items:
        return module, False
    if name in module.imports:
        return resolve(module, module.imports[name], seen)
    for path in module.globs:
        target = resolve(module, path, seen)
        if target and target[1] and (found := lookup(target[0], name, seen)):
            return found
    return None


def resolve(module, path, seen=frozenset()):
    """Returns `(module, whole)`: the module that the path names (`whole`), or the one that defines its item."""
    at, rest = module, list(path)
    if rest[0] == 'crate':
        while at.parent:
            at = at.parent
        rest.pop(0)
    elif rest[0] in ('self', 'super'):
        while rest and rest[0] in ('self', 'super'):
            at = at.parent or at if rest.pop(0) == 'super' else at
    else:
        found = lookup(at, rest.pop(0), seen)
        if not found or not found[1]:
            return found
        at = found[0]
    for name in rest:
        found = lookup(at, name, seen)
        if not found:
            # Foreign, or made by a macro of this module.
            return None if name in at.imports else (at, False)
        if not found[1]:
            return found
        at = found[0]
    return at, True


def modules(module):
    yield module
    for children in module.children.values():
        for child in children:
            yield from modules(child)


def arrows(root):
    """Returns `{file: {imported file: line}}` of a crate."""
    graph = {}
    for module in modules(root):
        for path, line in module.paths:
            found = resolve(module, path)
            if found and not found[1] and found[0].file != module.file:
                graph.setdefault(module.file, {}).setdefault(found[0].file, line)
    return graph


def circles(graph):
    """Yields each set of files that import each other, directly or through others."""
    def reached(start):
        known, todo = set(), [start]
        while todo:
            for file in graph.get(todo.pop(), ()):
                if file not in known:
                    known.add(file)
                    todo.append(file)
        return known
    reach, done = {file: reached(file) for file in graph}, set()
    for file in sorted(graph):
        if file in reach[file] and file not in done:
            circle = {file} | {other for other in reach[file] if file in reach.get(other, ())}
            done |= circle
            yield sorted(circle)


def fields(body):
    """Returns the number of fields in a struct's body."""
    depth, count, part = 0, 0, ''
    for at, char in enumerate(body + ','):
        if char == ',' and depth == 0:
            count += bool(re.sub(r'#\[[^\]]*\]', '', part).strip())
            part = ''
            continue
        depth += char in '([{<'
        depth -= char in ')]}' or (char == '>' and body[at - 1] != '-')
        part += char
    return count


def public_types(root):
    """Yields `(name, file)` of the types that a crate exports from its root and its public modules."""
    text = without_tests(blank(root.file.read_text()))
    exported = {name for use in USE.finditer(text) if use.group(1) and use.group(1).strip() == 'pub'
                for _, name in use_tree(use.group(2))}
    for name in exported:
        found = lookup(root, name, frozenset())
        if found and re.match(r'[A-Z]\w*[a-z]', name):
            yield name, found[0].file
    for name in TYPE.findall(text):
        yield name, root.file
    for name in re.findall(r'^\s*pub mod (\w+)', text, re.M):
        for child in root.children.get(name, []):
            if child.file != root.file:
                yield from public_types(child)


def main():
    names = subprocess.run(['git', 'ls-files', '--cached', '--others', '--exclude-standard', '*.rs'], cwd=ROOT,
                           capture_output=True, text=True, check=True)
    files = sorted(path for name in names.stdout.split() if (path := ROOT / name).exists())
    offences, folders = [], {}
    say = lambda file, line, text: offences.append(f'{file.relative_to(ROOT)}:{line}: {text}')
    for file in files:
        text = file.read_text()
        folders.setdefault(file.parent, []).append(file)
        if text.count('\n') > MAX_LINES:
            say(file, MAX_LINES + 1, f'{text.count(chr(10))} lines, at most {MAX_LINES}')
        code = blank(text)
        for match in re.finditer(r'\bstruct\s+(\w+)[^;{(]*\{', code):
            count = fields(code[match.end():closing(code, match.end() - 1) - 1])
            if count > MAX_FIELDS and not WIDE_STRUCTS.search(match.group(1)):
                say(file, line_of(code, match.start()), f'{match.group(1)} has {count} fields, at most {MAX_FIELDS}')
    for folder, inside in folders.items():
        if len(inside) > MAX_FILES:
            say(folder, 0, f'{len(inside)} Rust files, at most {MAX_FILES}')
    libraries = [file for file in files if file.match('src/lib.rs')]
    targets = [file for file in files if file.name == 'main.rs' or file.parent.name in ('examples', 'tests', 'benches', 'targets')]
    for target in libraries + targets:
        graph = arrows(load(target, folder=target.parent))
        for circle in circles(graph):
            for file in circle:
                for other, line in sorted(graph[file].items()):
                    if other in circle:
                        say(file, line, f'imports {other.relative_to(ROOT)}, which imports it back')
    defined = {}
    for library in libraries:
        for name, file in public_types(load(library)):
            defined.setdefault(name, {}).setdefault(library, file)
    for name, places in sorted(defined.items()):
        if len(places) > 1:
            for file in places.values():
                line = line_of(file.read_text(), re.search(rf'\b{name}\b', file.read_text()).start())
                say(file, line, f'{name} is the name of a public type in {len(places)} crates')
    for offence in offences:
        print(offence)
    print(f'{len(files)} files, {len(offences)} offences')
    sys.exit(1 if offences else 0)


if __name__ == '__main__':
    main()
