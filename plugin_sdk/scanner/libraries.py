"""What is dangerous inside libraries that plugins may import, as data: doors by library and by unsafe option."""

from plugin_sdk.scanner.tables import words

FILES = "it reaches files directly"
PROCESS = "it starts processes"
CODE = "it runs or imports code by name or from text"
PICKLE = "unpickling runs code that the data names"
MEMORY = "it reaches memory and system calls"
NETWORK = "it opens connections of its own"
THREADS = "it starts threads or processes of its own"
STATE = "it changes or reveals the whole process"

LIBRARY_DOORS: dict[str, dict[str, str]] = {
    "numpy": {
        FILES: "memmap fromfile tofile DataSource open_memmap",
        MEMORY: "ctypeslib load_library as_strided ctypes f2py distutils",
        CODE: "rundocs runstring safe_eval exec_command measure",
        PICKLE: "dump",
    },
    "pandas": {
        PICKLE: "read_pickle to_pickle pickle_compat read_hdf HDFStore",
        FILES: "get_handle",
        PROCESS: "clipboard clipboards read_clipboard to_clipboard",
        NETWORK: "urlopen",
        CODE: "from_custom_template computation",
    },
    "polars": {
        PICKLE: "deserialize",
        MEMORY: "register_plugin_function register_plugin",
        PROCESS: "read_clipboard write_clipboard",
        CODE: "sql_expr_eval",
    },
    "pyarrow": {
        FILES: """
            memory_map OSFile MemoryMappedFile create_memory_map input_stream output_stream fs LocalFileSystem FileSystem
            PythonFile create_library_symlinks
        """,
        MEMORY: "foreign_buffer cffi jvm cuda",
        NETWORK: "flight hdfs HadoopFileSystem S3FileSystem",
        STATE: "lib.signal",
        PICKLE: "deserialize deserialize_from read_serialized PyExtensionType SerializationContext default_serialization_context",
    },
    "torch": {
        CODE: """
            hub package CompilationUnit cpp_extension load_inline load_url load_state_dict_from_url reduce_graph_module
            reduce_package_graph_module PackageImporter PackageExporter jiterator hipify create_jit_fn
            create_multi_output_jit_fn nvrtc jit.load jit.jit_module_from_flatbuffer export.load ScriptModule.define fx
        """,
        MEMORY: """
            load_library loaded_libraries CUDAPluggableAllocator change_current_allocator cudart import_ir_module
            memory_snapshot
        """,
        FILES: "from_file file_baton",
        PROCESS: "collect_env bottleneck",
        THREADS: "distributed rpc elastic start_processes tunable.mp",
    },
    "transformers": {
        CODE: """
            dynamic_module_utils get_class_from_dynamic_module get_cached_module_file direct_transformers_import load_tool
            Tool agents tools PythonInterpreterTool CodeAgent ReactCodeAgent LocalAgent HfAgent import_utils
            custom_object_save hub_kernels get_kernel
        """,
        PROCESS: "testing_utils commands",
        PICKLE: "RagRetriever TransfoXLCorpus TransfoXLTokenizer",
    },
    "sentence_transformers": {
        CODE: "import_from_string import_module_class",
        THREADS: "start_multi_process_pool encode_multi_process",
    },
    "onnxruntime": {
        MEMORY: """
            register_custom_ops_library register_custom_ops register_execution_provider_library preload_dlls
            import_nvidia_dlls
        """,
        CODE: "tools quantization_tools",
    },
    "PIL": {
        PROCESS: "show ImageGrab ImageShow load_djpeg Ghostscript EpsImagePlugin ImageTk",
        CODE: "unsafe_eval ImageMath.eval",
        FILES: "fp TarIO ContainerIO",
    },
    "imageio": {FILES: "Request get_file get_local_filename", MEMORY: "load_lib freeimage", PROCESS: "ffmpeg"},
    "cv2": {CODE: "load_config_py3 load_config_py2 bootstrap", MEMORY: "CAP_GSTREAMER"},
    "soundfile": {},
    "librosa": {PICKLE: "cache", CODE: "attach attach_stub"},
    "ffmpeg": {},
    "requests": {FILES: "get_netrc_auth extract_zipped_paths"},
    "httpx": {CODE: "main"},
    "aiohttp": {
        NETWORK: "UnixConnector NamedPipeConnector web web_app web_runner web_server test_utils pytest_plugin worker"
    },
    "pydantic": {
        CODE: "ImportString PyObject import_string import_module plugin mypy",
        PICKLE: "parse_raw_as load_str_bytes load_file",
        FILES: "parse_file parse_file_as",
    },
    "safetensors": {},
    "yaml": {
        PICKLE: "unsafe_load unsafe_load_all full_load full_load_all UnsafeLoader FullLoader Loader CLoader CUnsafeLoader"
    },
    "ruamel": {PICKLE: "unsafe_load"},
    "joblib": {PICKLE: "load Memory", CODE: "externals"},
    "skops": {},
    "sklearn": {PICKLE: "externals", CODE: "import_module"},
    "numexpr": {CODE: "evaluate re_evaluate NumExpr"},
    "sympy": {CODE: "sympify parse_expr lambdify S preview autowrap ufuncify"},
    "scipy": {MEMORY: "LowLevelCallable", CODE: "weave"},
    "numba": {CODE: "objmode pycc"},
    "jinja2": {FILES: "FileSystemLoader ModuleLoader PackageLoader", CODE: "compile_templates import_string"},
    "mako": {CODE: "template lookup"},
    "psutil": {PROCESS: "Popen", STATE: "process_iter kill terminate suspend resume environ open_files rlimit"},
    "fsspec": {FILES: "open open_files open_local filesystem url_to_fs"},
    "aiofiles": {FILES: "open os tempfile"},
    "smart_open": {FILES: "open smart_open"},
    "anyio": {
        PROCESS: "open_process run_process to_process",
        FILES: "open_file Path",
        NETWORK: "connect_tcp connect_unix create_tcp_listener",
    },
    "trio": {
        PROCESS: "run_process lowlevel",
        FILES: "open_file Path",
        NETWORK: "open_tcp_stream open_unix_socket serve_tcp",
    },
    "six": {CODE: "exec_ moves"},
    "keras": {CODE: "enable_unsafe_deserialization"},
    "tensorflow": {MEMORY: "load_op_library load_library", CODE: "py_function numpy_function", FILES: "gfile"},
    "tf_keras": {CODE: "enable_unsafe_deserialization"},
    "datasets": {CODE: "import_main_class"},
    "decorator": {CODE: "FunctionMaker"},
    "simpleeval": {CODE: "simple_eval SimpleEval EvalWithCompoundTypes"},
    "asteval": {CODE: "Interpreter"},
    "cython": {CODE: "inline compile"},
    "cupy": {CODE: "RawKernel RawModule", MEMORY: "UnownedMemory"},
    "click": {PROCESS: "edit launch", FILES: "open_file File"},
    "pexpect": {PROCESS: "spawn run"},
    "git": {PROCESS: "Repo Git cmd"},
    "nltk": {PICKLE: "load"},
    "gensim": {PICKLE: "load unpickle"},
    "lightgbm": {},
    "huggingface_hub": {CODE: "commands", PICKLE: "from_pretrained_keras"},
    "urllib3": {},
    "IPython": {CODE: "*"},
    "ray": {},
}
"""Names that open a door, wherever in the library they are found."""

ANY_OBJECT_DOORS = {
    "read_pickle": PICKLE,
    "to_pickle": PICKLE,
    "tofile": FILES,
    "to_clipboard": PROCESS,
    "read_clipboard": PROCESS,
    "register_custom_ops_library": MEMORY,
    "register_execution_provider_library": MEMORY,
    "start_multi_process_pool": THREADS,
    "encode_multi_process": THREADS,
    "load_op_library": MEMORY,
    "unsafe_load": PICKLE,
    "import_string": CODE,
    "unsafe_eval": CODE,
    "open_memmap": FILES,
    "from_custom_template": CODE,
    "ctypes": MEMORY,
    "import_module": CODE,
}
"""Names of libraries' doors so particular that the object in front of them need not be known."""

LIBRARY_ALIASES = {"np": "numpy", "pd": "pandas", "pl": "polars", "pa": "pyarrow"}
"""How libraries call each other inside: `pandas.core.frame.np` is numpy."""

LIBRARY_OWN_NAMES = words(
    """
    abc array ast base64 bisect calendar chunk cmd code codes collections compress copy csv dataclasses datetime decimal
    email fractions getopt hashlib heapq html http io json keyword locale logging math mimetypes numbers operator parser
    pipes platform profile profiler queue random re resource sched secrets select selectors signal site stat statistics
    string struct symbol test time timeit token tokenize trace types typing unicodedata uuid warnings wave xml zlib
    """
)
"""Names that libraries give to things of their own, though the standard library has modules called so."""

TEXT_FUNCTIONS = {
    "pandas.eval": (["expr"], "pandas"),
    "pandas.DataFrame().query": (["expr"], "pandas"),
    "pandas.DataFrame().eval": (["expr"], "pandas"),
    "timeit.timeit": (["stmt", "setup"], "code"),
    "timeit.repeat": (["stmt", "setup"], "code"),
    "timeit.Timer": (["stmt", "setup"], "code"),
    "cProfile.run": (["statement"], "code"),
    "cProfile.runctx": (["statement"], "code"),
    "profile.run": (["statement"], "code"),
    "profile.runctx": (["statement"], "code"),
    "cProfile.Profile().run": (["cmd"], "code"),
    "cProfile.Profile().runctx": (["cmd"], "code"),
    "profile.Profile().run": (["cmd"], "code"),
    "profile.Profile().runctx": (["cmd"], "code"),
    "torch.utils.benchmark.Timer": (["stmt", "setup", "global_setup"], "code"),
    "jinja2.Template": (["source"], "template"),
    "jinja2.Environment().from_string": (["source"], "template"),
    "jinja2.Environment().compile_expression": (["source"], "template"),
    "typing.ForwardRef": (["arg"], "code"),
    "torch.utils.benchmark.timer.Timer": (["stmt", "setup", "global_setup"], "code"),
}
"""Functions that run text: which parameters hold it, in their order, and in what language."""

TYPE_FUNCTIONS = {
    "pydantic.create_model", "pydantic.TypeAdapter", "typing.NamedTuple", "typing.TypedDict", "dataclasses.make_dataclass",
    "typing.Optional", "typing.get_type_hints", "pydantic.main.create_model", "pydantic.type_adapter.TypeAdapter", "typing.NewType",
    "typing.TypeVar", "pydantic.v1.create_model", "pydantic.parse_obj_as", "types.GenericAlias", "types.new_class", "builtins.type",
    "pydantic.RootModel",
}  # fmt: skip
"""Functions whose text arguments become types, and so are evaluated sooner or later."""

LOADERS = (
    r"(transformers|sentence_transformers|datasets|timm|huggingface_hub)\..*\b"
    r"(from_pretrained|from_config|pipeline|SentenceTransformer|CrossEncoder|SparseEncoder|load_dataset|create_model)"
)

DATA_LOADER = r"torch\.utils\.data(\.dataloader)?\.DataLoader"

SOUND_FORMATS: set[object] = {"WAV", "FLAC", "OGG", "MP3", "AIFF", "AU", "CAF", "W64", None}

OPTIONS: list[tuple[str, str, int | None, set[object], str]] = [
    (r"torch(\.serialization)?\.load", "weights_only", None, {True}, "warning"),
    (r"numpy(\.lib(\.\w+)*)?\.load", "allow_pickle", 2, {False}, "warning"),
    (r"(keras|tf_keras|tensorflow\.keras)(\.\w+)*\.load_model", "safe_mode", None, {True}, ""),
    (LOADERS, "trust_remote_code", None, {False, None}, ""),
    (r"pydantic\..*", "allow_pickle", None, {False}, ""),
    (r"logging\.basicConfig", "filename", None, {None}, ""),
    (r"(httpx|httpcore)\..*", "uds", None, {None}, ""),
    (r"ffmpeg(\._\w+)*\.(run|run_async|compile|probe)", "cmd", 1, {"ffmpeg", "ffprobe"}, ""),
    (r"ffmpeg\..*\(\)\.(run|run_async|compile)", "cmd", 0, {"ffmpeg", "ffprobe"}, ""),
    (r"ffmpeg\..*", "cmd", None, {"ffmpeg", "ffprobe"}, ""),
    (DATA_LOADER, "num_workers", 5, {0}, ""),
    (DATA_LOADER, "multiprocessing_context", 10, {None}, ""),
    (r"(transformers|datasets)\..*", "dataloader_num_workers", None, {0}, ""),
    (r"transformers(\..*)?\.pipeline", "num_workers", None, {0, None}, ""),
    (r"datasets\..*", "num_proc", None, {1, None}, ""),
    (r"joblib\.Parallel", "n_jobs", 0, {1, None}, ""),
    (r"argparse\.ArgumentParser", "fromfile_prefix_chars", None, {None}, ""),
    (r"soundfile\.write", "format", 5, SOUND_FORMATS, ""),
    (r"soundfile\.SoundFile", "format", 6, SOUND_FORMATS, ""),
    (r"soundfile\.read", "format", 10, SOUND_FORMATS, ""),
    (r"soundfile\.blocks", "format", 12, SOUND_FORMATS, ""),
    (r"soundfile\.(?!(write|SoundFile|read|blocks)$).*", "format", None, SOUND_FORMATS, ""),
]
"""Unsafe options: functions, keyword, its position if it has one, the values that are safe, and what leaving it out is."""

ANYWHERE_OPTIONS: dict[str, set[object]] = {
    "trust_remote_code": {False, None},
    "shell": {False, None},
    "pickle_module": {None},
    "uds": {None},
}
"""Unsafe options so particular that they are judged in every call."""

NATIVE_PATHS = words("trt_extra_plugin_lib_paths shared_lib_path backend_path")
"""Keys of onnxruntime's provider options that name native code to load; the bare name of its own library is harmless."""

FFMPEG_FLAGS = words("-nostdin -hide_banner -nostats -y -n")
"""What may follow the program's name where the command is a list."""

AMBIGUOUS_DOORS = words(
    """
    load open cmd os web main fs S Path File cuda cache package hub worker computation compile inline Tool tools template
    lookup spawn agents commands cffi plugin distributed rpc evaluate edit launch loader Loader attach moves weave
    """
)
"""Doors whose name is too common to mean anything on an object that a library made."""

YAML_LOADERS = {"SafeLoader", "CSafeLoader", "BaseLoader", "CBaseLoader"}
