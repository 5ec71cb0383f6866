"""How fuzz.py runs one call in limits, and what it holds against it."""
import ctypes
import hashlib
import os
import re
import resource
import select
import signal
import stat
import subprocess
import time

CODES = {0, 2, 65, 66, 73, 74}
SECONDS = 20
MEMORY = 1 << 30
# A safeguard for the machine; what is held against a call is what it has touched.
ADDRESSES = 16 << 30
FILE_SIZE = 1 << 28
RESULTS = {"branches.csv", "nodes.csv", "overview.png", "run.json", "skeleton.zarr", "skeletons.csv", "summary.json", "voxels.npy"}
FORBIDDEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
PR_SET_CHILD_SUBREAPER = 36


def prepare():
    """Limits this process, and so all that it starts, and makes it the parent of what they leave."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_SIZE, FILE_SIZE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


def left_running(group):
    """Whether processes of a call outlive it by more than a moment. They are ended."""
    deadline = time.monotonic() + 5
    while True:
        try:
            found, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return False
        if found == 0:
            if time.monotonic() > deadline:
                break
            time.sleep(0.01)
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass
    return True


class Ended:
    """How a call ended: exit code (or what went wrong), standard error, seconds, bytes, and whether it was interrupted."""

    def __init__(self, arguments, folder, interrupt=None):
        said = folder / "heard" / "err"
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("RUST_", "AWS_", "ANABRANCH"))}
        environment |= {"TMPDIR": str(folder / "tmp")}
        started = time.monotonic()
        with open(said, "wb") as err, open(folder / "heard" / "out", "wb") as out:
            process = subprocess.Popen(arguments, cwd=folder / "cwd", stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment,
                                       start_new_session=True, restore_signals=False)
        watched = os.pidfd_open(process.pid)
        self.interrupted = False
        if interrupt is not None and not select.select([watched], [], [], interrupt[1])[0]:
            signal.pidfd_send_signal(watched, interrupt[0])
            self.interrupted = True
        self.hangs = not select.select([watched], [], [], SECONDS)[0]
        if self.hangs:
            os.killpg(process.pid, signal.SIGKILL)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = self.code = os.waitstatus_to_exitcode(status)
        os.close(watched)
        self.seconds, self.memory = time.monotonic() - started, used.ru_maxrss << 10
        self.leaves = left_running(process.pid)
        self.err = said.read_bytes()[:1 << 20].decode("utf-8", "replace")
        self.out = (folder / "heard" / "out").read_bytes()[:1 << 20].decode("utf-8", "replace")

    def faults(self, codes=frozenset()):
        """What is wrong with how it ended and with what it said. `codes` are allowed too."""
        found = []
        if self.hangs:
            return [f"does not end within {SECONDS} s"]
        if self.interrupted:
            codes = codes | {0, 130}
        if self.interrupted and self.seconds < 1 and self.code in (-signal.SIGINT, -signal.SIGTERM) and not self.err:
            # The signal came before the program could listen.
            return ["leaves a process"] if self.leaves else []
        if self.code not in CODES | codes:
            found.append(f"exit code {self.code}")
        if self.seconds > SECONDS:
            found.append(f"takes {self.seconds:.0f} s")
        if self.memory > MEMORY:
            found.append(f"takes {self.memory >> 20} MB")
        if self.leaves:
            found.append("leaves a process")
        found += [f"says {word}" for word in ["panicked at", "RUST_BACKTRACE", "memory allocation", "internal error", "stack overflow"] if word in self.err]
        if FORBIDDEN.search(self.err) or FORBIDDEN.search(self.out):
            found.append("prints control characters")
        if any(len(line) > 4400 for line in self.err.splitlines()):
            found.append("says a line without end")
        sentences = [line for line in self.err.splitlines() if line.startswith(("anabranch: ", "error: "))]
        if self.code != 0 and len(sentences) != 1:
            found.append(f"ends with {len(sentences)} sentences")
        if self.code == 0 and sentences:
            found.append("says an error and ends with 0")
        return found


def snapshot(folder):
    """What lies in the folder of a case, by path: kind and contents."""
    found = {}

    def walk(path, name):
        for entry in os.scandir(path):
            inner = name + entry.name
            mode = entry.stat(follow_symlinks=False).st_mode
            if stat.S_ISDIR(mode):
                found[inner] = "folder"
                walk(entry.path, inner + "/")
            elif stat.S_ISREG(mode):
                with open(entry.path, "rb") as file:
                    found[inner] = hashlib.blake2b(file.read(), digest_size=12).hexdigest()
            elif stat.S_ISLNK(mode):
                found[inner] = "link to " + os.readlink(entry.path)
            else:
                found[inner] = oct(stat.S_IFMT(mode))
    for part in ("cwd", "tmp"):
        walk(folder / part, part + "/")
    found |= {name: "strange" for name in os.listdir(folder) if name not in ("cwd", "tmp", "heard")}
    return found


def shown(names):
    names = sorted(names)
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def written(command, arguments, folder):
    """The paths that a call is asked to write, within the folder of its case, and what each is."""
    found = {}

    def values(option):
        for at, argument in enumerate(arguments):
            if argument == option and at + 1 < len(arguments):
                yield arguments[at + 1]
            elif isinstance(argument, str) and argument.startswith(option + "="):
                yield argument[len(option) + 1:]

    def add(value, role):
        path = os.path.normpath(os.path.join("cwd", os.fsdecode(value)))
        # What lies around the input is not to be written as a whole.
        if path not in ("cwd", ".", "tmp"):
            found[path] = role
        return path

    def folders_above(path, role="folder"):
        while path := os.path.dirname(path):
            if path != "cwd":
                found.setdefault(path, role)

    for option, role in [("--state", "state"), ("--changes", "changes"), ("--gains", "gains")]:
        for value in values(option):
            path = add(value, role)
            # Gains that were solved stay, whatever comes afterwards.
            folders_above(path, "folder of gains" if role == "gains" else "folder")
            if os.path.islink(folder / path):
                # A file of the person's own choice is one where a link leads.
                found[os.path.relpath(os.path.realpath(folder / path), folder.resolve())] = role
    outs = list(values("--out")) or (["anabranch-demo"] if command == "demo" else [])
    if command == "phantom":
        # The argument that is no option's.
        outs = [value for value in arguments if os.fsdecode(value).startswith("out")]
    for value in outs:
        path = os.path.normpath(os.path.join("cwd", os.fsdecode(value)))
        folders_above(path)
        if command in ("run", "watch"):
            found[path] = found.get(path, "folder")
            found |= {f"{path}/{name}": "out" for name in RESULTS}
        else:
            add(value, "out")
    return found


def left_behind(before, after, ended, command, mine):
    """What is wrong with what a call has done to the folder of its case. `mine` is what it was asked to write."""
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}

    def owner(name):
        own = mine.get(name)
        inside = (role for path, role in mine.items() if "folder" not in role and name.startswith(path + "/"))
        return own or next(inside, None)

    roles = {name: owner(name) for name in changed}
    found = []
    strange = [name for name in changed if roles[name] is None or "folder" in roles[name] and name in before]
    if strange:
        found.append(f"changes or leaves {shown(strange)}")
    partial = [name for name in after if "partial" in name and name not in before]
    if partial:
        found.append(f"leaves {shown(partial)}")
    made = [name for name in changed if roles[name] == "state" and name not in before]
    if ended.code == 2 and made and command == "run":
        found.append(f"refuses its options and leaves {shown(made)}")
    outputs = [name for name in changed if roles[name] in ("out", "folder", "changes")]
    if ended.code != 0 and outputs:
        found.append(f"ends with an error and leaves or changes {shown(outputs)}")
    if ended.code == 0 and command == "run" and not ended.out.startswith(("Analyse a volume", "anabranch 0")):
        names = {name for name, role in mine.items() if role == "out" and name.startswith("cwd/")}
        missing = [name for name in names if name not in after]
        if missing:
            found.append(f"ends with 0 without {shown(missing)}")
    return found
