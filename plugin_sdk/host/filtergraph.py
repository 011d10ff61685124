"""ffmpeg's filter graphs, read as ffmpeg reads them: which filters they use, and whether each may be used by plugins."""

import re
from collections.abc import Iterator

_FILTERS = """
    acompressor acopy acrossfade adeclick adeclip adelay aecho aeval afade afftdn aformat agate alimiter allpass amerge
    amix amplify anequalizer anlmdn anull apad aphaser aresample areverse asetnsamples asetpts asetrate asettb
    ashowinfo asplit astats atempo atrim bandpass bandreject bass channelmap channelsplit chorus compand crossfeed
    dcshift deesser dynaudnorm earwax ebur128 equalizer extrastereo flanger highpass highshelf join loudnorm lowpass
    lowshelf pan silencedetect silenceremove speechnorm stereotools stereowiden treble tremolo vibrato volume
    volumedetect
    atadenoise avgblur bbox bilateral blackdetect blackframe blend boxblur bwdif chromakey chromahold chromashift
    colorbalance colorchannelmixer colorcontrast colorhold colorize colorkey colorlevels colorspace colortemperature
    concat convolution copy crop cropdetect curves deband deblock decimate dedot deflicker dejudder delogo derain
    deshake despill dilation drawbox drawgrid drawtext edgedetect elbg entropy eq erosion estdif exposure extractplanes
    fade fftdnoiz field fieldmatch fieldorder fillborders fps framerate framestep freezedetect gblur geq gradfun
    greyedge hflip histeq histogram hqdn3d hqx hstack hue huesaturation idet il interlace kerndeint lenscorrection
    limiter loop lumakey lut lutrgb lutyuv maskedmerge median mergeplanes minterpolate mix mpdecimate negate nlmeans
    noformat noise normalize null oscilloscope overlay owdenoise pad palettegen paletteuse perspective photosensitivity
    pixdesctest pixelize pixscope pp premultiply pseudocolor random readeia608 removegrain repeatfields reverse
    rgbashift rotate sab scale scdet select selectivecolor separatefields setdar setfield setparams setpts setsar settb
    shear showinfo showpalette shuffleframes shuffleplanes sidedata signalstats smartblur split super2xsai swaprect
    swapuv tblend telecine thistogram threshold thumbnail tile tinterlace tmix tonemap tpad transpose trim unpremultiply
    unsharp untile v360 vaguedenoiser vectorscope vflip vfrdet vibrance vignette vstack weave xbr xfade xmedian xstack
    yadif zoompan zscale aselect format aloop
    showcqt showfreqs showspectrum showspectrumpic showvolume showwaves showwavespic avectorscope abitscope
"""
FILTERS = frozenset(_FILTERS.split())
"""Without those that read or write files, open devices, load libraries, take commands or start anything."""

_SOURCES = """
    anoisesrc anullsrc aevalsrc sine allrgb allyuv color gradients haldclutsrc mandelbrot nullsrc
    pal75bars pal100bars rgbtestsrc smptebars smptehdbars testsrc testsrc2 yuvtestsrc colorspectrum colorchart
"""
SOURCES = frozenset(_SOURCES.split())
"""Without cellauto and life, which can read a pattern from a file."""

NAME = re.compile(r"[a-z0-9_]+(@\w+)?")
FILE_OPTIONS = re.compile(r"(^|:)\s*(/|(file|filename|textfile|psfile|plot|stats_file|fontfile\s*=\s*[^:]*\.\.)\s*=)")
_DRAWTEXT = """
    text fontfile font fontsize fontcolor fontcolor_expr x y w h box boxcolor boxborderw boxw boxh shadowx shadowy
    shadowcolor borderw bordercolor line_spacing text_align alpha enable rate r timecode tc24hmax timecode_rate
    start_number fix_bounds expansion tabsize y_align text_shaping
"""
DRAWTEXT = frozenset(_DRAWTEXT.split())
MAX_LENGTH, MAX_FILTERS = 20_000, 500


class BadGraph(ValueError):
    """The graph is not for plugins; the text names the filter and the rule."""


def check_graph(graph: str, *, sources: bool = False) -> None:
    """Let pass what only plays with frames.

    Args:
        graph: a filter graph as ffmpeg takes it.
        sources: filters that make frames are allowed, too; they are harmless in any graph, and without input alone.

    Raises:
        BadGraph: it uses a filter or an option that is not in the lists.
    """
    if len(graph) > MAX_LENGTH:
        raise BadGraph(f"a filter graph has {len(graph)} characters, at most {MAX_LENGTH} are taken")
    number = 0
    for name, arguments in filters(graph):
        number += 1
        base = name.partition("@")[0]
        if not NAME.fullmatch(name) or base not in FILTERS | SOURCES:
            raise BadGraph(f"the filter {name[:60]!r} is not one of those that plugins may use")
        if FILE_OPTIONS.search(arguments):
            raise BadGraph(f"the filter {base} may not read or write files ({arguments[:60]!r})")
        if base == "drawtext":
            _check_drawtext(arguments)
        if base == "curves" and "psfile" in arguments:
            raise BadGraph("the filter curves may not read files")
    if number > MAX_FILTERS:
        raise BadGraph(f"a filter graph has {number} filters, at most {MAX_FILTERS} are taken")
    if not number and sources:
        raise BadGraph("an input of filters has none")


def filters(graph: str) -> Iterator[tuple[str, str]]:
    """Name and arguments of each filter, unescaped once.

    Raises:
        BadGraph: ffmpeg would not understand it, either.

    Source: libavfilter/graphparser.c and `av_get_token` of libavutil/avstring.c.
    """
    at = _labels(graph, 0)
    while at < len(graph):
        name, at = _token(graph, at, "=,;[")
        arguments = ""
        if graph[at : at + 1] == "=":
            arguments, at = _token(graph, at + 1, "[],;")
        yield name, arguments
        at = _labels(graph, at)
        if at < len(graph):
            if graph[at] not in ",;":
                raise BadGraph(f"the filter graph can't be read at {graph[at : at + 20]!r}")
            at = _labels(graph, at + 1)


def _labels(graph: str, at: int) -> int:
    """Past spaces and `[labels]`."""
    at = _spaces(graph, at)
    while graph[at : at + 1] == "[":
        end = graph.find("]", at)
        if end < 0 or not re.fullmatch(r"[\w:.\-#]*", graph[at + 1 : end]):
            raise BadGraph(f"the filter graph has the label {graph[at : at + 20]!r}")
        at = _spaces(graph, end + 1)
    return at


def _spaces(graph: str, at: int) -> int:
    while at < len(graph) and graph[at] in " \n\t\r":
        at += 1
    return at


def _token(graph: str, at: int, ends: str) -> tuple[str, int]:
    at, found = _spaces(graph, at), []
    while at < len(graph) and graph[at] not in ends:
        if graph[at] == "\\" and at + 1 < len(graph):
            found.append(graph[at + 1])
            at += 2
        elif graph[at] == "'":
            end = graph.find("'", at + 1)
            end = len(graph) if end < 0 else end
            found.append(graph[at + 1 : end])
            at = end + 1
        else:
            found.append(graph[at])
            at += 1
    return "".join(found).strip(), at


def _check_drawtext(arguments: str) -> None:
    """Every argument by a name of the list: without names they count through, up to one that names a file."""
    plain = re.sub(r"\\.|'[^']*'", "", arguments)
    for part in plain.split(":"):
        key = part.partition("=")[0].strip()
        if "=" not in part or key not in DRAWTEXT:
            raise BadGraph(f"the filter drawtext takes name=value, and no {key[:40]!r}")
