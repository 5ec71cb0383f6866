"""Random options of every subcommand for fuzz.py: sensible values, extremes, wrong types, repeated and unknown ones."""

EXTREMES = ["", " ", "0", "-1", "1", "-0.0", "0.1", "1e308", "-1e308", "1e-320", "1e154", "nan", "inf", "-inf", "2147483648", "4294967296", "9223372036854775807",
            "9223372036854775808", "18446744073709551615", "18446744073709551616", "9" * 400, "abc", "1,2", "1,2,3", "1,2,3,4", ",", "0,0,0", "1e308,1,1", "-1,-1,-1",
            "\u00b5m", "\u202etxt", "\x1b[2J", "a\nb", "\t", "\x7f", "%s%n", "../../..", ".", "--", "-", "=", "\U0001f33f", "a" * 5000, ":", "0:0", "1:0,::,", "::",
            "0:18446744073709551615,0:1", "9:99999999999999999999", "1e3", "0x10", "1_000", "\u0661", b"\xff\xfe", "true"]

IMAGE = {
    "--spacing": ["1", "2,0.5,0.5", "0.5um", "1e-3mm", "1,1", "3,2,1 nm", "1e308", "1e154,1,1", "1e-320"],
    "--unit": ["um", "\u00b5m", "nm", "mm", "pixel", "parsec"],
    "--axes": ["z,y,x", "y,x", "c,z,y,x", "t,c,z,y,x", "x,y,z", "x,x,x", "q"],
    "--channel": ["0", "1", "2"],
    "--time": ["0", "1", "7"],
    "--region": ["0:3,0:5,0:6", "1:2,0:10,3:4", ":,:,:", "0:1,0:1,0:1", "2:,:,:", "0:4,0:4"],
    "--server-timeout": ["0", "1", "0.5", "1e300"],
}
TILES = {
    "--order": ["0", "1", "3", "2"],
    "--blend": ["max", "mean", "first", "feather", "MAX"],
    "--flip": ["y", "x", "y,x", "z", "x,x"],
    "--crop": ["0", "1", "0,1,1", "2,2", "5", "6", "100"],
    "--canvas": ["0:10,0:10", "0:1,0:20,0:20", "-5:30,-5:30", "0:1000000000,0:1000000000", "-9223372036854775808:0,0:1", "1e3:2e3,0:1"],
    "--background": ["plain.tif", "tile_0_0.tif", "nowhere.tif", "tiles.csv"],
    "--flat-field": ["plain.tif", "tile_0_0.tif", "nowhere.tif"],
    "--gains": ["gains.csv", "new-gains.csv", "tiles.csv", "nowhere/gains.csv"],
    "--refit": None,
}
RUN = {
    "--threshold": ["otsu", "triangle", "li", "10", "0.5", "-1", "1e308", "40"],
    "--sigma": ["1", "0.5", "2", "999", "1e-9", "0,1,2", "1,0.5", "2um", "500nm,1um,0um"],
    "--below": ["otsu", "triangle", "li", "10", "0.5", "-1", "1e308", "40"],
    "--method": ["lee", "zhang", "homotopic"],
    "--chunk": ["4", "2,3,4", "64", "1000000", "1,1,1", "7,7"],
    "--workers": ["1", "2", "3", "16", "257", "100000"],
    "--processes": ["1", "2", "65", "100000"],
    "--hosts": ["hosts.txt", "nowhere.txt", "plain.tif"],
    "--process": ["0", "1", "2"],
    "--secret": ["secret.txt", "nowhere.txt", "plain.tif"],
    "--connect-timeout": ["0", "0.2", "1"],
    "--memory": ["500M", "1", "1K", "2G", "1e9", "16777216T", "0"],
    "--changes": ["changes.csv", "new-changes.csv", "out/changes.csv", "tiles.csv"],
    "--provisional": None,
    "--state": ["state", "state", "new-state", "out", "plain.tif", "out/state"],
    "--verify": None,
    "--overwrite": None,
    "--strict": None,
    "--quiet": None,
}
OPTIONS = {
    "run": IMAGE | TILES | RUN,
    "info": IMAGE | TILES | {"--json": None, "--checksum": None},
    "fuse": IMAGE | TILES | {"--chunk": ["4", "1,3,4", "64", "1000000", "5,5"], "--levels": ["1", "2", "3", "40"], "--workers": ["1", "2", "100000"],
                             "--overwrite": None, "--quiet": None},
    "tiles": {
        "--reverse": ["y", "x", "y,x", "q"], "--grid": ["2x3", "1x6", "0x0", "6x6", "4294967296x4294967296"], "--rows": ["2"], "--columns": ["3"],
        "--overlap": ["0.1", "10%", "3px", "10%,3px", "99%", "100%", "1e308px"], "--scan-order": ["row", "column", "snake-row", "snake-column"],
        "--start": ["top-left", "bottom-right"], "--pattern": ["tile_{row}_{col}.tif", "tile_{row}_{row}.tif", "{row}{col}", "{", "tile_0_{col}.tif"],
        "--overwrite": None, "--quiet": None,
    },
    "phantom": {
        "--shape": ["8,8,8", "1,1,1", "16,16", "5,60,7", "65537,1,1", "65536,1,1", "0,0,0"], "--seed": ["0", "7", "18446744073709551615"],
        "--roots": ["0", "1", "5"], "--radius": ["1", "3", "14", "1e308", "1e-9"], "--gray": None, "--chunk": ["4", "8,8,8", "1000000"],
        "--tiles": ["2", "2,3", "1,2,2", "0", "50000,50000"], "--tile-shape": ["4,8,8", "8,8", "1,1,1"], "--overlap": ["0.1", "0", "0.99", "1"],
        "--jitter": ["0", "1", "100", "1e308"], "--rotation": ["0", "5", "360", "1e308"], "--workers": ["1", "2", "100000"], "--quiet": None,
    },
    "demo": {"--shape": ["16,16,16", "8,8,8", "16,16"], "--seed": ["1"], "--workers": ["1", "100000"]},
}
OPTIONS["watch"] = OPTIONS["run"] | {"--settle": ["0", "0.1", "1e308"], "--poll": ["0.1", "0", "1e308"]}
UNKNOWN = ["--no-such-option", "--Threshold", "-x", "--out=", "--sigma=", "--verify=yes", "---", "-\u00e9", "--\x1b[2J", "--help=1"]
# What takes long on the whole and is right to do so, or is part of every call.
FREE = {"phantom": {"--shape", "--tiles", "--tile-shape"}, "demo": {"--shape"}}


def some(command, rng, most=4, extremes=0.25, leave_out=()):
    """A few options with their values, as arguments."""
    known, arguments = {name: values for name, values in OPTIONS[command].items() if name not in leave_out}, []
    for _ in range(rng.randrange(most + 1)):
        name = rng.choice(sorted(known))
        values = known[name]
        if rng.random() < 0.03:
            arguments.append(rng.choice(UNKNOWN))
            continue
        if values is None:
            arguments.append(name)
            if rng.random() < 0.04:
                arguments.append(rng.choice(EXTREMES))
            continue
        wild = rng.random() < extremes and name not in FREE.get(command, ())
        value = rng.choice(EXTREMES if wild else values)
        if name == "--hosts":
            arguments += ["--process", rng.choice("01")]
        if name in ("--tile-shape", "--jitter", "--rotation") or name == "--overlap" and command == "phantom":
            arguments += ["--tiles", "2"] if "--tiles" not in arguments else []
        if isinstance(value, str) and rng.random() < 0.4:
            arguments.append(f"{name}={value}")
        else:
            arguments += [name, value]
        if rng.random() < 0.03:
            arguments += [name, value]
        if rng.random() < 0.01:
            arguments.append(rng.choice(EXTREMES))
    return arguments


def plain(command, rng):
    """Options that most images can be called with."""
    choices = {
        "info": [["--checksum"], ["--json"], ["--json", "--checksum"], []],
        "run": [[], ["--threshold", "otsu"], ["--threshold", "10"], ["--threshold", "5", "--sigma", "1"], ["--provisional"], ["--chunk", "4"],
                ["--state", "state"], ["--changes", "changes.csv"], ["--method", "lee"], ["--threshold", "otsu", "--sigma", "0.7", "--state", "state"],
                ["--processes", "2", "--workers", "1"]],
        "fuse": [[], ["--chunk", "4"], ["--levels", "3"]],
    }[command]
    return rng.choice(choices) if rng.random() < 0.9 else some(command, rng, 2)
