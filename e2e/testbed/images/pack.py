#!/usr/bin/env python3
"""Write an OCI image archive without a container engine.

pack.py OUT.tar NAME[,NAME…] ARCH CONFIG LAYER…
LAYER is a tar file, used as it is, or DIR=/path/in/image, made reproducible: so images that share a layer share its
digest, and a rebuilt image is the same image. CONFIG is the image's `config` object as JSON: {"Entrypoint": […], …}.
OUT.tar appears whole or not at all.
"""
import hashlib
import io
import json
import os
import shutil
import sys
import tarfile

OCI = "application/vnd.oci.image."


def digest(path):
    h = hashlib.sha256()
    with open(path, "rb") as f:
        while block := f.read(1 << 20):
            h.update(block)
    return "sha256:" + h.hexdigest()


def layer(arg, tmp):
    """The tar file of one LAYER argument."""
    src, eq, dst = arg.partition("=")
    if not eq:
        return src

    def same(t):  # one owner, one time
        t.uid = t.gid = t.mtime = 0
        t.uname = t.gname = ""
        return t

    out = os.path.join(tmp, hashlib.sha256(arg.encode()).hexdigest() + ".tar")
    with tarfile.open(out, "w") as t:
        for name in sorted(os.listdir(src)):
            t.add(os.path.join(src, name), os.path.join(dst, name).lstrip("/"), filter=same)
    return out


def blob(tar, data):
    """Add `data` as a blob; its descriptor without the media type."""
    d = "sha256:" + hashlib.sha256(data).hexdigest()
    put(tar, "blobs/" + d.replace(":", "/"), data)
    return {"digest": d, "size": len(data)}


def put(tar, name, data):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def main(out, names, arch, config, *layers):
    tmp = out + ".new"  # one name, so that what a killed run left goes with the next
    shutil.rmtree(tmp, ignore_errors=True)
    os.mkdir(tmp)
    try:
        tars = [(p, digest(p), os.path.getsize(p)) for p in (layer(a, tmp) for a in layers)]
        new = os.path.join(tmp, "image.tar")
        with tarfile.open(new, "w") as t:
            put(t, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
            for path, d, _ in tars:
                t.add(path, "blobs/" + d.replace(":", "/"))
            cfg = blob(t, json.dumps({
                "architecture": arch, "os": "linux", "config": json.loads(config),
                "rootfs": {"type": "layers", "diff_ids": [d for _, d, _ in tars]}}).encode())
            man = blob(t, json.dumps({
                "schemaVersion": 2, "mediaType": OCI + "manifest.v1+json",
                "config": {"mediaType": OCI + "config.v1+json", **cfg},
                "layers": [{"mediaType": OCI + "layer.v1.tar", "digest": d, "size": n} for _, d, n in tars]}).encode())
            put(t, "index.json", json.dumps({"schemaVersion": 2, "manifests": [
                {"mediaType": OCI + "manifest.v1+json", **man, "annotations": {
                    "io.containerd.image.name": n, "org.opencontainers.image.ref.name": n.rsplit(":", 1)[1]}}
                for n in names.split(",")]}).encode())
        os.replace(new, out)
    finally:
        shutil.rmtree(tmp)


main(*sys.argv[1:])
