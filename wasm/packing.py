"""Writes wheels, whose bytes depend on nothing but what is in them."""

import base64
import hashlib
import zipfile


def write_wheel(folder, name, version, content, licences, *, tag, requires=(), fields=None, text=""):
    """Write a wheel whose bytes depend only on its content; folders in content give their Python files.

    fields -- what METADATA says beside name, version and requirements
    text -- the description, in Markdown
    """
    files = {}
    for inside, path in content.items():
        if path.is_dir():
            for file in path.rglob("*"):
                if file.suffix in {".py", ".pyi", ".typed", ".h", ".cfg"}:
                    files[f"{inside}/{file.relative_to(path).as_posix()}"] = file.read_bytes()
        else:
            files[inside] = path.read_bytes()
    info = f"{name}-{version}.dist-info"
    for path in licences:
        files[f"{info}/licenses/{path.parent.name}-{path.name}"] = path.read_bytes()
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"{field}: {value}\n" for field, value in (fields or {}).items())
    metadata += "".join(f"Requires-Dist: {other}\n" for other in requires)
    metadata += f"Description-Content-Type: text/markdown\n\n{text}" if text else ""
    files[f"{info}/METADATA"] = metadata.encode()
    python, abi, platforms = tag.split("-")
    wheel = "Wheel-Version: 1.0\nGenerator: build_wheels\nRoot-Is-Purelib: false\n"
    wheel += "".join(f"Tag: {python}-{abi}-{platform}\n" for platform in platforms.split("."))
    files[f"{info}/WHEEL"] = wheel.encode()
    record = ""
    for path, data in sorted(files.items()):
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        record += f"{path},sha256={digest},{len(data)}\n"
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    with zipfile.ZipFile(folder / f"{name}-{version}-{tag}.whl", "w") as archive:
        for path, data in sorted(files.items()):
            entry = zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED, 9)
