"""ffmpeg for plugins: what honest ones do with it works, run in a sandbox of its own; every way out of it is refused."""

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from plugin_sdk.host import HostSettings, PluginHost, Zygote, programs
from plugin_sdk.host.ffmpeg_command import Command, RefusedCommand, command
from plugin_sdk.host.lent import Lender
from plugin_sdk.host.programs import find_programs
from tests.integration.test_walls import FILES, opened, tried
from tests.unit.plugin_sdk.folders import write_files

pytest.importorskip("ffmpeg")
pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the walls are Linux's"),
    pytest.mark.skipif("ffmpeg" not in find_programs(), reason="needs ffmpeg or imageio-ffmpeg"),
]

SCRATCH_MB = 32
TONE = "ffmpeg.input('sine=frequency=440:duration=1', f='lavfi')"
PICTURES = "ffmpeg.input('testsrc=duration=1:size=64x48:rate=5', f='lavfi')"


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_files(tmp_path_factory.mktemp("probe"), FILES)


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote(HostSettings(memory_mb=1024, call_timeout_s=100, scratch_mb=SCRATCH_MB)) as running:
        yield running


@pytest.fixture(scope="module")
def shared_host(zygote: Zygote, plugin: Path) -> Iterator[PluginHost]:
    with opened(zygote, plugin) as host:
        tried(host, f"import ffmpeg; {TONE}.output('tone.wav').run(quiet=True); found = 1")
        yield host


@pytest.fixture
def attempt(shared_host: PluginHost) -> Callable[[str], Any]:
    return lambda code: tried(shared_host, "import ffmpeg, glob, subprocess\n" + code)


def refused(arguments: list[str]) -> str:
    with pytest.raises(RefusedCommand) as raised:
        command("ffmpeg", arguments)
    return raised.value.problem


# Honest work


def test_a_file_becomes_a_file_of_another_format(attempt):
    found = attempt("""
ffmpeg.input('tone.wav').output('tone 2.flac', ac=1, ar=16000).overwrite_output().run(quiet=True)
found = [open('tone 2.flac', 'rb').read(4).decode(), sorted(glob.glob('*.flac'))]
""")

    assert found == ["fLaC", ["tone 2.flac"]]


def test_samples_come_through_a_pipe(attempt):
    found = attempt("""
out, err = ffmpeg.input('tone.wav').output('pipe:', format='s16le', ac=1, ar=16000).run(capture_stdout=True, quiet=True)
found = [len(out), 'Stream #0:0' in err.decode()]
""")

    assert found == [32000, True]


def test_bytes_go_in_and_come_out(attempt):
    found = attempt("""
data = open('tone.wav', 'rb').read()
out, _ = (ffmpeg.input('pipe:', format='wav').output('-', format='f32le', ar=8000)
          .run(input=data, capture_stdout=True, capture_stderr=True))
found = len(out)
""")

    assert found == 32000


def test_a_graph_of_filters_works_and_frames_come_as_many_files(attempt):
    found = attempt(f"""
import os
os.makedirs('frames', exist_ok=True)
{PICTURES}.filter('scale', 32, 24).hflip().output('frames/f%03d.png').run(quiet=True)
pictures = [ffmpeg.input('frames/f%03d.png', framerate=5) for _ in range(2)]
stream = ffmpeg.concat(*pictures).filter('fps', 5)
stream.output('film.mp4', pix_fmt='yuv420p', movflags='+faststart').run(quiet=True)
found = [sorted(os.listdir('frames')), open('film.mp4', 'rb').read(12)[4:8].decode()]
""")

    assert found == [[f"f{n:03d}.png" for n in range(1, 6)], "ftyp"]


def test_two_runs_are_chained_as_processes(attempt):
    found = attempt("""
decode = ffmpeg.input('tone.wav').output('pipe:', format='s16le').run_async(pipe_stdout=True, pipe_stderr=True)
encode = (ffmpeg.input('pipe:', format='s16le', ar=44100, ac=1).output('half.wav').overwrite_output()
          .run_async(pipe_stdin=True, pipe_stderr=True))
while chunk := decode.stdout.read(4000):
    encode.stdin.write(chunk)
encode.stdin.close()
found = [decode.wait(), encode.wait(), decode.poll(), open('half.wav', 'rb').read(4).decode()]
""")

    assert found == [0, 0, 0, "RIFF"]


def test_libraries_that_start_ffmpeg_get_it_too(attempt):
    found = attempt("""
whole = subprocess.run(['/usr/bin/ffmpeg', '-hide_banner', '-i', 'tone.wav', '-f', 's16le', '-'], capture_output=True)
version = subprocess.check_output(['ffmpeg', '-version']).decode()
found = [whole.returncode, len(whole.stdout), version.split()[:2]]
""")

    assert found == [0, 88200, ["ffmpeg", "version"]]


def test_an_error_of_ffmpeg_is_the_plugin_s_to_see(attempt):
    found = attempt("""
try:
    ffmpeg.input('nothing.wav').output('x.wav').run(capture_stderr=True)
except ffmpeg.Error as error:
    found = error.stderr.decode()
""")

    assert "No such file or directory" in found


def test_a_file_that_is_there_is_kept_unless_it_may_be_overwritten(attempt):
    found = attempt("""
open('keep.wav', 'w').write('mine')
done = subprocess.run(['ffmpeg', '-i', 'tone.wav', 'keep.wav'], capture_output=True)
found = [done.returncode, done.stderr.decode(), open('keep.wav').read()]
""")

    assert found == [1, "File 'keep.wav' already exists. Exiting.\n", "mine"]


@pytest.mark.skipif("ffprobe" not in find_programs(), reason="needs ffprobe")
def test_a_file_is_probed(attempt):
    assert attempt("found = ffmpeg.probe('tone.wav')['streams'][0]['sample_rate']") == "44100"


@pytest.mark.skipif("ffprobe" in find_programs(), reason="ffprobe is here")
def test_a_program_that_is_not_here_is_named_with_the_way_to_get_it(attempt):
    found = attempt("""
try:
    ffmpeg.probe('tone.wav')
except ffmpeg.Error as error:
    found = error.stderr.decode()
""")

    assert "ffprobe is not installed on this worker. Install it on the workers: apt-get install ffmpeg" in found


@pytest.mark.parametrize("origin", ["the system", "imageio-ffmpeg"])
def test_ffmpeg_runs_wherever_it_came_from(plugin, monkeypatch, origin):
    """Debian's is small, and its loader brings a hundred libraries into the sandbox; the package's is one large file."""
    if origin == "imageio-ffmpeg":
        monkeypatch.setattr(programs.shutil, "which", lambda name: None)
    elif shutil.which("ffmpeg") is None:
        pytest.skip("the system has no ffmpeg")
    if "ffmpeg" not in find_programs():
        pytest.skip("imageio-ffmpeg is not installed")
    with Zygote(HostSettings(memory_mb=1024, call_timeout_s=100, scratch_mb=8)) as other, opened(other, plugin) as host:
        size = tried(
            host, f"import ffmpeg; found = len({TONE}.output('-', format='s16le', ar=8000).run(quiet=True)[0])"
        )

    assert size == 16000


def test_other_programs_are_not_started(attempt, shared_host):
    found = attempt("""
def started(*words):
    try:
        return subprocess.run(words, capture_output=True).returncode
    except OSError as error:
        return error.errno
found = [started('/bin/sh', '-c', 'id'), started('ffmpegx'), started('ffmpeg/../sh')]
""")

    assert found == [1, 1, 1]


# Attacks: by argument


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        (["-i", "http://169.254.169.254/", "o.wav"], "protocols are not allowed"),
        (["-i", "HTTPS://x/", "o.wav"], "protocols are not allowed"),
        (["-i", "concat:/etc/passwd|x", "o.wav"], "protocols are not allowed"),
        (["-i", "crypto+file:/etc/passwd", "o.wav"], "protocols are not allowed"),
        (["-i", "data:text/plain,x", "o.wav"], "protocols are not allowed"),
        (["-i", "pipe:3", "o.wav"], "protocols are not allowed"),
        (["-i", "fd:", "o.wav"], "protocols are not allowed"),
        (["-i", "unix:/run/x", "o.wav"], "protocols are not allowed"),
        (["-i", "a", "-f", "wav", "tcp://1.1.1.1:80"], "protocols are not allowed"),
        (["-i", "a", "-f", "wav", "pipe:2"], "protocols are not allowed"),
        (["-i", "a", "-f", "tee", "[f=wav]http://x"], "output format 'tee'"),
        (["-i", "a", "-f", "hls", "x.m3u8"], "output format 'hls'"),
        (["-i", "a", "x.m3u8"], "output format 'm3u8'"),
        (["-i", "a", "-f", "rtp", "x"], "output format 'rtp'"),
        (["-i", "a", "-f", "alsa", "x"], "output format 'alsa'"),
        (["-f", "concat", "-safe", "0", "-i", "list", "o.wav"], "the option -safe"),
        (["-f", "concat", "-i", "list", "o.wav"], "input format 'concat'"),
        (["-f", "hls", "-i", "list", "o.wav"], "input format 'hls'"),
        (["-f", "wav,hls", "-i", "list", "o.wav"], "input format 'hls'"),
        (["-f", "v4l2", "-i", "/dev/video0", "o.wav"], "input format 'v4l2'"),
        (["-f", "x11grab", "-i", ":0", "o.mp4"], "input format 'x11grab'"),
        (["-f", "lavfi", "-i", "movie=/etc/passwd", "o.png"], "filter 'movie'"),
        (["-f", "lavfi", "-i", "amovie=x", "o.wav"], "filter 'amovie'"),
        (["-i", "a", "-vf", "hflip,movie=x[a];[a]vflip", "o.png"], "filter 'movie'"),
        (["-i", "a", "-vf", "mo\\vie=x", "o.png"], "filter 'movie'"),
        (["-i", "a", "-vf", "'movie'=x", "o.png"], "filter 'movie'"),
        (["-i", "a", "-vf", "scale=1:1\\,hflip,movie=x", "o.png"], "filter 'movie'"),
        (["-i", "a", "-filter_complex", "sws_flags=x;movie=x", "o.png"], "filter 'sws_flags'"),
        (["-i", "a", "-vf", "subtitles=/etc/passwd", "o.png"], "filter 'subtitles'"),
        (["-i", "a", "-vf", "ass=x", "o.png"], "filter 'ass'"),
        (["-i", "a", "-vf", "sendcmd=f=x", "o.png"], "filter 'sendcmd'"),
        (["-i", "a", "-vf", "zmq", "o.png"], "filter 'zmq'"),
        (["-i", "a", "-vf", "frei0r=x", "o.png"], "filter 'frei0r'"),
        (["-i", "a", "-af", "ladspa=x", "o.wav"], "filter 'ladspa'"),
        (["-i", "a", "-af", "lv2=x", "o.wav"], "filter 'lv2'"),
        (["-i", "a", "-vf", "metadata=print:file=x", "o.png"], "filter 'metadata'"),
        (["-i", "a", "-vf", "drawtext=textfile=/etc/passwd", "o.png"], "drawtext may not read"),
        (["-i", "a", "-vf", "drawtext=x:y:z", "o.png"], "drawtext takes name=value"),
        (["-i", "a", "-vf", "drawtext=/text=/etc/passwd", "o.png"], "may not read"),
        (["-i", "a", "-vf", "curves=psfile=x", "o.png"], "may not read"),
        (["-i", "a", "-vf", "lut3d=x.cube", "o.png"], "filter 'lut3d'"),
        (["-i", "a", "-filter_script:v", "x", "o.png"], "option -filter_script:v"),
        (["-i", "a", "-filter_complex_script", "x", "o.png"], "option -filter_complex_script"),
        (["-i", "a", "-/filter:v", "x", "o.png"], "option -/filter:v"),
        (["-i", "a", "-report", "o.wav"], "option -report"),
        (["-progress", "http://x", "-i", "a", "o.wav"], "option -progress"),
        (["-protocol_whitelist", "all", "-i", "a", "o.wav"], "option -protocol_whitelist"),
        (["-format_whitelist", "hls", "-i", "a", "o.wav"], "option -format_whitelist"),
        (["-i", "a", "-passlogfile", "/x", "o.mp4"], "option -passlogfile"),
        (["-i", "a", "-x264-params", "stats=/x", "o.mp4"], "option -x264-params"),
        (["-i", "a", "-attach", "/etc/passwd", "o.mkv"], "option -attach"),
        (["-dump_attachment:t", "x", "-i", "a", "o.mkv"], "option -dump_attachment:t"),
        (["-i", "a", "-vstats_file", "x", "o.mp4"], "option -vstats_file"),
        (["-i", "a", "-sdp_file", "x", "o.mp4"], "option -sdp_file"),
        (["-init_hw_device", "cuda", "-i", "a", "o.mp4"], "option -init_hw_device"),
        (["-hwaccel", "auto", "-i", "a", "o.mp4"], "option -hwaccel"),
        (["-i", "a", "--", "o.wav"], "option --"),
        (["-i", "a", "-c:v;x", "h264", "o.mp4"], "stream specifier"),
        (["-i"], "has no value"),
        (["-i", "a\0b", "o.wav"], "too many or too long"),
        (["x"] * 2000, "too many or too long"),
    ],
)
def test_a_command_beyond_the_lists_is_refused_with_what_and_why(arguments, rule):
    assert rule in refused(arguments)


@pytest.mark.parametrize(
    "name", ["../../etc/cron.d/x.wav", "/etc/passwd.wav", "./-y.wav", ".hidden.wav", "a;b|c$(d).wav"]
)
def test_files_in_the_sandbox_have_names_of_the_worker_s_choice(name):
    asked = command("ffmpeg", ["-i", name, name])

    assert asked.arguments[-1] == "out0/file.wav"
    place = asked.arguments[asked.arguments.index("-i") + 1]
    assert place.startswith("in0/")
    assert ".." not in place
    assert not set(place) & set(";|$()")


def test_a_program_given_as_cmd_is_not_run(attempt):
    found = attempt("""
try:
    ffmpeg.input('tone.wav').output('x.wav').run(cmd=['/bin/sh', '-c', 'id'])
except OSError as error:
    found = error.errno
""")

    assert found == 1


# Attacks: by content, and from within


@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile /etc/passwd\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n/etc/passwd\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nhttp://127.0.0.1:1/x.ts\n#EXT-X-ENDLIST\n",
        "<?xml version='1.0'?><MPD><Period><AdaptationSet><BaseURL>file:///etc/passwd</BaseURL></AdaptationSet></Period></MPD>",
        "v=0\nc=IN IP4 1.1.1.1\nm=audio 5004 RTP/AVP 0\n",
    ],
)
@pytest.mark.parametrize("name", ["list.m3u8", "list.wav", "list"])
def test_a_playlist_is_no_way_to_other_files(attempt, text, name):
    found = attempt(f"""
open({name!r}, 'w').write({text!r})
done = subprocess.run(['ffmpeg', '-y', '-i', {name!r}, '-f', 'wav', 'pipe:1'], capture_output=True)
found = [done.returncode != 0, len(done.stdout), 'root:' in str(done)]
""")

    assert found == [True, 0, False]


def test_the_sandbox_sees_neither_the_machine_nor_the_network(zygote):
    """A command that no list let through, as if the worker had been fooled."""

    def outcome(*arguments: str) -> tuple[int, int]:
        lender = Lender(zygote.programs, zygote.start_program, zygote.exit_of)
        lender.begin("ffmpeg", ["-version"])
        run = lender._run
        assert run is not None
        run.command = Command("ffmpeg", ["-nostdin", *arguments])
        code, results = run.run(time.monotonic() + 100, None)
        lender.close()
        return code, results[0].size

    raw = ["-f", "u8", "-ar", "8000", "-ac", "1"]
    to_pipe = ["-f", "u8", "pipe:1"]
    code, size = outcome(*raw, "-i", "/etc/shadow", *to_pipe)
    assert code != 0 and size == 0
    assert outcome(*raw, "-i", str(Path(__file__)), *to_pipe)[0] != 0
    assert outcome(*raw, "-i", "/proc/1/environ", *to_pipe)[0] != 0
    assert outcome(*raw, "-i", "http://127.0.0.1:9/", *to_pipe)[0] != 0
    assert outcome("-f", "lavfi", "-i", "sine=duration=1", "-f", "wav", "/usr/lib/x.wav")[0] != 0
    assert outcome("-f", "lavfi", "-i", "sine=duration=1", "-f", "wav", "tcp://127.0.0.1:9")[0] != 0


def test_a_bomb_ends_at_its_limits_and_the_host_lives_on(attempt):
    found = attempt("""
def run(source, *words):
    done = subprocess.run(['ffmpeg', '-y', '-f', 'lavfi', '-i', source, *words], capture_output=True)
    return done.stderr.decode()[-2000:]
found = {
    'disk': run('nullsrc=s=640x480', '-f', 'rawvideo', 'x.yuv'),
    'pipe': run('nullsrc=s=640x480', '-f', 'rawvideo', '-'),
    'memory': run('nullsrc=s=8000x8000', '-vf', 'reverse', '-f', 'null', '-'),
}
os.unlink('x.yuv')
found['alive'] = subprocess.run(['ffmpeg', '-y', '-i', 'tone.wav', 'x.wav'], capture_output=True).returncode
""")

    assert found.pop("alive") == 0
    assert {name: said for name, said in found.items() if "No space left" in said or "Cannot allocate" in said} == found


def test_a_run_without_end_is_killed_with_the_time_limit_of_the_call(plugin):
    endless = "['ffmpeg', '-f', 'lavfi', '-i', 'testsrc', '-f', 'null', '-']"
    with Zygote(HostSettings(call_timeout_s=6, scratch_mb=8)) as quick, opened(quick, plugin) as host:
        said = tried(host, f"import subprocess; found = subprocess.run({endless}, capture_output=True).stderr.decode()")

    assert said == "ffmpeg was killed: time limit. Give it less to do, or raise the limit.\n"


def test_what_a_host_sends_out_of_turn_ends_it(zygote, plugin):
    for value in (["run"], ["put", 0, "x"], ["take", 0], ["begin", "sh", []], "text", ["begin", "ffmpeg", [1]]):
        with opened(zygote, plugin) as host:
            code = f"from plugin_sdk.host import brokered; found = brokered._channel.ask(77, {value!r}).decode()"
            with pytest.raises(Exception, match="broke the protocol"):
                tried(host, code)
