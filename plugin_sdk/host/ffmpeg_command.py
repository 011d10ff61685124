"""A plugin's ffmpeg or ffprobe command: read option by option, refused unless all of it is in the lists, written anew.

Options may come from the lists below alone; files are named by the sandbox, not by the plugin; demuxers, muxers, filters
and protocols come from lists, too. What would open a network address, another file or a device does not get through.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from plugin_sdk.errors import PlatformError
from plugin_sdk.host.filtergraph import BadGraph, check_graph

MAX_ARGUMENTS, MAX_TEXT, MAX_FILES = 1_000, 20_000, 32
_FLAGS = """
    y n hide_banner nostats stats nostdin stdin vn an sn dn shortest copyts start_at_zero re accurate_seek
    noaccurate_seek bitexact autorotate noautorotate xerror ignore_unknown copy_unknown autoscale noautoscale
    find_stream_info nofind_stream_info fix_sub_duration
"""
FLAGS = frozenset(_FLAGS.split())
_VALUES = """
    c codec vcodec acodec scodec b ab vb r s aspect ss sseof to t fs ar ac sample_fmt channel_layout ch_layout pix_fmt
    map map_metadata map_chapters metadata frames vframes aframes q qscale aq vq crf preset tune profile level g bf refs
    qmin qmax qdiff maxrate minrate bufsize movflags vsync fps_mode async threads filter_threads
    filter_complex_threads loglevel v strict tag vtag atag disposition loop stream_loop itsoffset itsscale probesize
    analyzeduration framerate video_size pixel_format sample_rate channels start_number update compression_level quality
    application vbr frame_duration cutoff sws_flags colorspace color_primaries color_trc color_range
    max_muxing_queue_size flags fflags avoid_negative_ts write_xing id3v2_version rf64 packet_loss abr
    segment_time segment_format segment_start_number reset_timestamps pattern_type bits_per_raw_sample keyint_min
    sc_threshold me_range trellis timestamp timecode discard thread_queue_size copyinkf enc_time_base video_track_timescale
    lossless pred row-mt cpu-used deadline speed usage tiles tile-columns frame-parallel auto-alt-ref lag-in-frames
    export_side_data skip_frame skip_loop_filter err_detect max_delay muxdelay muxpreload frag_duration audio_service_type
    stats_period ac3_fixed dialnorm guess_layout_max apad
"""
VALUES = frozenset(_VALUES.split())
GRAPHS = frozenset({"vf", "af", "filter", "filter_complex", "lavfi"})
_PROBE_FLAGS = """
    hide_banner show_format show_streams show_frames show_packets show_chapters show_programs show_error count_frames
    count_packets pretty unit prefix sexagesimal byte_binary_prefix show_private_data noprivate private bitexact
    find_stream_info nofind_stream_info
"""
PROBE_FLAGS = frozenset(_PROBE_FLAGS.split())
_PROBE_VALUES = """
    show_entries select_streams of print_format output_format v loglevel read_intervals analyzeduration probesize
    framerate video_size pixel_format sample_rate channels ch_layout threads
"""
PROBE_VALUES = frozenset(_PROBE_VALUES.split())
_INFORMATION = """
    version buildconf formats muxers demuxers codecs decoders encoders bsfs protocols filters pix_fmts layouts
    sample_fmts colors h
"""
INFORMATION = frozenset(_INFORMATION.split())

DEMUXERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,mpegts,mpeg,mpegvideo,wav,w64,mp3,aac,flac,ogg,asf,aiff,au,caf,amr,"
    "amrnb,amrwb,ape,ac3,eac3,dts,wv,tta,h264,hevc,av1,obu,ivf,vvc,m4v,mjpeg,mjpeg_2000,yuv4mpegpipe,dv,gxf,mxf,nut,rm,"
    "voc,rawvideo,gif,apng,image2,image2pipe,ico,webvtt,srt,ass,"
    "png_pipe,jpeg_pipe,jpegxl_pipe,jpegxl_anim,j2k_pipe,webp_pipe,bmp_pipe,tiff_pipe,gif_pipe,ppm_pipe,pgm_pipe,"
    "pam_pipe,pbm_pipe,psd_pipe,qoi_pipe,tga_pipe,sgi_pipe,exr_pipe,dds_pipe,hdr_pipe,svg_pipe,"
    "s8,u8,s16le,s16be,u16le,u16be,s24le,s24be,s32le,s32be,f32le,f32be,f64le,f64be,alaw,mulaw"
)
"""Without playlists and lists of files (hls, dash, concat, imf …), which open what their text names, and devices."""

_MUXERS = """
    mp4 mov m4a ipod ismv 3gp 3g2 matroska mkv webm avi flv mpegts ts mpeg mpg vob wav w64 mp3 aac adts flac ogg oga ogv
    opus spx asf wmv wma aiff aif au caf amr ac3 eac3 dts wv tta h264 264 hevc h265 265 av1 obu ivf m4v mjpeg mjpg
    yuv4mpegpipe y4m dv mxf nut rawvideo yuv rgb gif apng image2 image2pipe webp png jpg jpeg bmp tiff tif ppm pgm pam
    pbm tga sgi jp2 qoi jxl avif exr hdr webvtt vtt srt ass s8 u8 s16le s16be u16le u16be s24le s24be s32le s32be f32le
    f32be f64le f64be alaw mulaw null segment stream_segment framemd5 framecrc md5 crc hash framehash ffmetadata raw pcm
"""
MUXERS = frozenset(_MUXERS.split())
"""Muxers and the endings that stand for them; without those that write lists, several files' names or to addresses."""

ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")
SPECIFIER = re.compile(r"[A-Za-z0-9_:.\-#]*")
PLACE = re.compile(r"%0?\d*d")
STDIN, STDOUT = ("-", "pipe:", "pipe:0"), ("-", "pipe:", "pipe:1")


class RefusedCommand(PlatformError):
    """The command is not for plugins."""

    code = "refused_command"


@dataclass(frozen=True, slots=True)
class File:
    """A file of the command: as the plugin names it, and as the sandbox does; a pattern stands for several."""

    url: str
    folder: str
    name: str
    pattern: bool = False


@dataclass(slots=True)
class Command:
    """A command that may run: its arguments, written anew, and its files."""

    program: str
    arguments: list[str] = field(default_factory=list)
    inputs: list[File] = field(default_factory=list)
    outputs: list[File] = field(default_factory=list)
    overwrites: bool = False


def command(program: str, arguments: Sequence[str]) -> Command:
    """The command that may run for this one.

    Raises:
        RefusedCommand: something in it is not in the lists; the text names it.
    """
    if len(arguments) > MAX_ARGUMENTS or any(len(a) > MAX_TEXT or "\0" in a for a in arguments):
        raise _refused(program, "it has too many or too long arguments")
    names = [a.lstrip("-") for a in arguments if a not in ("-hide_banner", "-v", "quiet")]
    if len(names) == 1 and arguments[-1].startswith("-") and names[0] in INFORMATION:
        return Command(program, ["-hide_banner", f"-{names[0]}"] if names[0] != "version" else ["-version"])
    return _Reader(program, arguments).read()


class _Reader:
    """Reads a command from left to right, as ffmpeg does: options belong to the file that comes after them."""

    def __init__(self, program: str, arguments: Sequence[str]) -> None:
        self._program, self._left = program, list(arguments)
        self._probe = program == "ffprobe"
        self._options: list[str] = []
        self._format: str | None = None
        self._glob = False
        self._command = Command(program)
        self._files = 0

    def read(self) -> Command:
        found = self._command
        found.arguments = ["-hide_banner"] if self._probe else ["-nostdin", "-y"]
        while self._left:
            argument = self._left.pop(0)
            if argument == "-i":
                self._input(self._value("-i"))
            elif argument.startswith("-") and len(argument) > 1:
                self._option(argument[1:])
            elif self._probe:
                self._input(argument)
            else:
                self._output(argument)
        if not found.inputs and not self._files:
            raise _refused(self._program, "it has no input (-i)")
        found.arguments += self._options
        return found

    def _option(self, argument: str) -> None:
        name, colon, specifier = argument.partition(":")
        flags, values = (PROBE_FLAGS, PROBE_VALUES) if self._probe else (FLAGS, VALUES)
        if not SPECIFIER.fullmatch(specifier):
            raise _refused(self._program, f"the stream specifier {specifier[:40]!r} can't be read")
        if name in flags and not colon:
            if name in ("y", "n"):
                self._command.overwrites = name == "y"
            elif name not in ("nostdin", "stdin"):
                self._options.append(f"-{name}")
            return
        if name == "f":
            self._format = self._value("-f")
            self._options += ["-f", self._format]
        elif name in GRAPHS and not self._probe:
            graph = self._value(argument)
            self._check_graph(graph)
            self._options += [f"-{argument}", graph]
        elif name in values:
            value = self._value(argument)
            self._glob = self._glob or (name == "pattern_type" and value.startswith("glob"))
            self._options += [f"-{argument}", value]
        else:
            raise _refused(self._program, f"the option -{argument[:60]} is not one of those that plugins may use")

    def _value(self, option: str) -> str:
        if not self._left:
            raise _refused(self._program, f"the option -{option.lstrip('-')} has no value")
        return self._left.pop(0)

    def _check_graph(self, graph: str, *, sources: bool = False) -> None:
        try:
            check_graph(graph, sources=sources)
        except BadGraph as error:
            raise _refused(self._program, str(error)) from error

    def _input(self, url: str) -> None:
        kinds = self._format.split(",") if self._format else []
        if self._format == "lavfi":
            self._check_graph(url, sources=True)
            place, allowed = url, "lavfi"
        else:
            unknown = [kind for kind in kinds if kind not in DEMUXERS.split(",")]
            if unknown:
                raise _refused(self._program, f"the input format {unknown[0][:40]!r} is not one that plugins may use")
            place, allowed = self._place_of_input(url), DEMUXERS
        checks = ["-protocol_whitelist", "file,pipe", "-format_whitelist", allowed]
        self._command.arguments += [*self._options, *checks, "-i", place]
        self._next_file()

    def _place_of_input(self, url: str) -> str:
        if url in STDIN:
            return "pipe:0"
        path = self._path(url)
        file = File(path, f"in{len(self._command.inputs)}", _safe(path, glob=self._glob), self._glob or _several(path))
        self._command.inputs.append(file)
        return f"{file.folder}/{file.name}"

    def _output(self, url: str) -> None:
        ending = PurePosixPath(url).suffix.lstrip(".").lower()
        kind = self._format or ("" if url in STDOUT else ending)
        if kind not in MUXERS:
            raise _refused(self._program, f"the output format {kind[:40]!r} is not one that plugins may use")
        if url in STDOUT:
            place = "pipe:1"
        else:
            path = self._path(url)
            several = _several(path)
            name = _safe(path) if several else f"file.{ending}" if ending in MUXERS else "file"
            file = File(path, f"out{len(self._command.outputs)}", name, several)
            self._command.outputs.append(file)
            place = f"{file.folder}/{file.name}"
        self._command.arguments += [*self._options, place]
        self._next_file()

    def _path(self, url: str) -> str:
        path = url.removeprefix("file:")
        if ADDRESS.match(path) or not path or path.endswith("/"):
            raise _refused(self._program, f"{url[:80]!r} is no file; protocols are not allowed")
        return path

    def _next_file(self) -> None:
        self._options, self._format, self._glob = [], None, False
        self._files += 1
        if self._files > MAX_FILES:
            raise _refused(self._program, f"it has more than {MAX_FILES} files")


def _several(path: str) -> bool:
    return bool(PLACE.search(PurePosixPath(path).name))


def _safe(path: str, *, glob: bool = False) -> str:
    """The file's own name, of harmless characters; never one that starts as an option or ends a folder."""
    name = re.sub(r"[^A-Za-z0-9._%*?\[\]-]" if glob else r"[^A-Za-z0-9._%-]", "_", PurePosixPath(path).name)
    name = name[-120:].lstrip("-.") or "file"
    return name if glob or _several(name) else name.replace("%", "_")


def _refused(program: str, why: str) -> RefusedCommand:
    return RefusedCommand(
        f"{program} was not started: {why}.",
        "Use files of your scratch folder or pipes, and ordinary codecs, formats and filters; docs/security.md says which.",
    )
