"""What plugins may and may not do, as data: first the published tables, word for word, then what follows from them."""


def words(text: str) -> set[str]:
    """A set of names, written as a text so that long lists stay readable."""
    return set(text.split())


# ── The published tables ─────────────────────────────────────────────────────────────────────────────────────────────

ALLOWED_IMPORTS = {
    "Data Processing": ["numpy", "pandas", "polars", "pyarrow"],
    "ML/AI": ["torch", "transformers", "sentence_transformers", "onnxruntime", "safetensors"],
    "Image Processing": ["PIL", "cv2", "imageio"],
    "Audio/Video": ["librosa", "soundfile", "ffmpeg"],
    "HTTP Clients": ["requests", "httpx", "aiohttp"],
    "Utilities": ["json", "re", "typing", "dataclasses", "pydantic", "logging"],
    "Mixpeek SDK": ["shared.models.loader.load_namespace_model"],
}

FORBIDDEN_IMPORTS = {
    "Process Execution": ["subprocess", "os.system", "os.popen", "os.spawn*", "os.exec*"],
    "Low-level Access": ["ctypes", "pty", "fcntl", "resource"],
    "Concurrency": ["multiprocessing", "threading"],
    "Network": ["socket"],
    "Legacy": ["commands", "popen2"],
}

FORBIDDEN_IMPORT_REASONS = {
    "Process Execution": ("it starts processes", "Use a library for the task, or a built-in service"),
    "Low-level Access": ("it reaches memory and system calls", "Use numpy or the SDK instead"),
    "Concurrency": ("it starts threads or processes of its own", "Let steps run in parallel, or use parallel_io"),
    "Network": ("it opens connections of its own", "Use requests, httpx or aiohttp"),
    "Legacy": ("it is a Python 2 module that starts processes", "Use a library for the task"),
}

FORBIDDEN_BUILTINS = {
    "eval": "it runs text as code",
    "exec": "it runs text as code",
    "compile": "it turns text into code",
    "open": "it reaches files directly",
    "__import__": "it imports by a computed name",
    "globals": "it hands out a namespace",
    "locals": "it hands out a namespace",
    "vars": "it hands out a namespace",
    "getattr": "it reaches attributes by a computed name",
    "setattr": "it changes attributes by a computed name",
    "delattr": "it removes attributes by a computed name",
    "hasattr": "it reaches attributes by a computed name",
}

BUILTIN_FIXES = {
    "eval": "Use json.loads or ast.literal_eval for data, a function for code",
    "exec": "Write the code as a function",
    "compile": "Write the code as a function",
    "open": "Use open_asset or download_asset from shared.plugins",
    "__import__": "Write an import statement",
    "globals": "Keep a dict of your own",
    "locals": "Keep a dict of your own",
    "vars": "Keep a dict of your own, or use dataclasses.asdict",
    "getattr": "Write the attribute out, or keep a dict of your own",
    "setattr": "Write the attribute out, or keep a dict of your own",
    "delattr": "Write the attribute out, or keep a dict of your own",
    "hasattr": "Use isinstance, or try the attribute and catch AttributeError",
}

FORBIDDEN_FUNCTIONS = {
    "os": ["system", "popen", "spawn", "exec", "fork", "kill", "killpg"],
    "importlib": ["import_module", "__import__"],
    "pickle": ["loads", "load"],
    "marshal": ["loads", "load"],
}
"""The names of `os` stand for whole families: spawn is spawnl, spawnv and so on."""

FUNCTION_REASONS = {
    "os": ("it starts or ends processes", "Use a library for the task, or a built-in service"),
    "importlib": ("it imports by a computed name", "Write an import statement"),
    "pickle": ("unpickling runs code that the data names", "Use json, safetensors or Parquet"),
    "marshal": ("marshal holds code", "Use json, safetensors or Parquet"),
}

WARNING_MODULES = ["pickle", "marshal", "shelve"]
WARNING_DUNDERS = [
    "__builtins__", "__class__", "__bases__", "__subclasses__", "__mro__", "__code__", "__globals__",
]  # fmt: skip

# ── The platform's own import paths ──────────────────────────────────────────────────────────────────────────────────

_PIPELINE = "PipelineDefinition StepDefinition ResourceType RowCondition build_pipeline_steps"
_MODELS = "load_namespace_model load_hf_model load_hf_model_async is_hf_model_cached LazyModelMixin lazy_model"
_SDK = "open_asset download_asset parallel_io concurrent_api_calls get_secret"

PLATFORM_MODULES = {
    "engine.plugins.extractors.pipeline": _PIPELINE.split(),
    "engine.models": _MODELS.split(),
    "engine.models.loader": _MODELS.split(),
    "engine.models.lazy": _MODELS.split(),
    "shared.models.loader": _MODELS.split(),
    "shared.plugins": _SDK.split(),
    "shared.plugins.sdk": _SDK.split(),
    "shared.plugins.inference.serve": ["BaseInferenceService"],
    "shared.plugins.inference.batch": ["BaseBatchInferenceService"],
    "engine.inference.services": ["BaseBatchInferenceService"],
    "shared.inference.registry": ["get_batch_service"],
}
"""Import paths of the platform, each with the names that plugins may take from it."""

PLATFORM_PATTERNS = [r"engine\.inference\.\w+\.\w+\.services", r"shared\.inference\.\w+\.\w+\.models"]
"""Built-in services, one module per organization and model; all their public names may be used."""

PLATFORM_ROOTS = {"engine", "shared", "plugin_sdk", "core", "functions", "batch", "infra"}

# ── The standard library, in tiers; what no tier names is dangerous ──────────────────────────────────────────────────

HARMLESS = words(
    """
    __future__ abc argparse array ast asyncio base64 binascii bisect bz2 cProfile calendar cmath codecs
    collections colorsys concurrent configparser contextlib contextvars copy csv dataclasses datetime decimal
    difflib email enum errno filecmp fnmatch fractions functools gc getopt getpass glob graphlib gzip hashlib
    heapq hmac html http imghdr importlib inspect io ipaddress itertools json keyword locale logging lzma
    marshal math mimetypes numbers operator optparse os pathlib pickle pickletools platform plistlib pprint
    profile queue quopri random re reprlib sched secrets shelve shlex shutil sndhdr sqlite3 ssl stat statistics
    string stringprep struct sys sysconfig tarfile tempfile textwrap time timeit token tokenize tomllib
    traceback types typing unicodedata urllib uuid warnings wave weakref xml zipfile zlib zoneinfo
    """
)
"""Modules that may be imported: those with dangerous parts are judged name by name in STDLIB_ONLY and STDLIB_NOT."""

STDLIB_ONLY = {
    "os": """
        path sep altsep linesep extsep pathsep curdir pardir devnull name environ getenv getcwd getpid getppid cpu_count
        process_cpu_count listdir scandir walk stat lstat fspath fsencode fsdecode PathLike urandom getrandom
        get_terminal_size access R_OK W_OK X_OK F_OK makedirs mkdir remove unlink rmdir removedirs rename replace error
        strerror uname times getuid geteuid getgid getegid sched_getaffinity getloadavg sysconf stat_result
        terminal_size DirEntry SEEK_SET SEEK_CUR SEEK_END statvfs utime truncate close defpath confstr confstr_names
        sysconf_names pathconf pathconf_names get_exec_path getlogin getgroups isatty fstat supports_follow_symlinks
        supports_dir_fd supports_fd supports_effective_ids supports_bytes_environ
    """,
    "os.path": """
        abspath basename commonpath commonprefix dirname exists expanduser expandvars getatime getctime getmtime getsize
        isabs isdir isfile islink ismount join lexists normcase normpath realpath relpath samefile split splitdrive
        splitext sep altsep extsep pathsep curdir pardir devnull supports_unicode_filenames
    """,
    "sys": """
        version version_info platform byteorder maxsize maxunicode float_info int_info hash_info getsizeof executable argv
        stdout stderr exc_info exit intern getrecursionlimit implementation api_version hexversion getdefaultencoding
        getfilesystemencoding flags getrefcount thread_info prefix base_prefix copyright exec_prefix base_exec_prefix abiflags
        stdlib_module_names builtin_module_names float_repr_style getfilesystemencodeerrors get_int_max_str_digits
        getswitchinterval is_finalizing pypy_version_info getwindowsversion platlibdir warnoptions
    """,
    "io": """
        BytesIO StringIO TextIOWrapper BufferedReader BufferedWriter BufferedRandom BufferedRWPair BufferedIOBase
        RawIOBase IOBase TextIOBase SEEK_SET SEEK_CUR SEEK_END UnsupportedOperation DEFAULT_BUFFER_SIZE
        IncrementalNewlineDecoder
    """,
    "importlib": "metadata util",
    "importlib.util": "find_spec",
    "importlib.metadata": "version PackageNotFoundError metadata requires packages_distributions",
    "types": """
        SimpleNamespace MappingProxyType GenericAlias UnionType NoneType EllipsisType NotImplementedType TracebackType
        ModuleType MethodType BuiltinFunctionType BuiltinMethodType GeneratorType CoroutineType AsyncGeneratorType
        new_class prepare_class resolve_bases get_original_bases coroutine DynamicClassAttribute FunctionType LambdaType
    """,
    "inspect": """
        signature Parameter Signature BoundArguments isclass isfunction ismethod ismodule isbuiltin isroutine isabstract
        iscoroutine iscoroutinefunction isawaitable isasyncgen isasyncgenfunction isgenerator isgeneratorfunction
        cleandoc getdoc get_annotations
    """,
    "gc": "collect isenabled get_count get_stats get_threshold",
    "shutil": """
        rmtree copy copy2 copyfile copyfileobj copytree move disk_usage which get_terminal_size ignore_patterns Error
        SameFileError
    """,
    "http": "HTTPStatus HTTPMethod cookies",
    "urllib": "parse error",
    "gzip": "compress decompress BadGzipFile GzipFile",
    "bz2": "compress decompress BZ2Compressor BZ2Decompressor",
    "lzma": """
        compress decompress LZMACompressor LZMADecompressor LZMAError FORMAT_AUTO FORMAT_XZ FORMAT_ALONE FORMAT_RAW
        CHECK_NONE CHECK_CRC32 CHECK_CRC64 CHECK_SHA256
    """,
    "getpass": "getuser",
    "sysconfig": "get_platform get_python_version get_config_var get_path get_paths",
    "timeit": "default_timer timeit repeat Timer",
    "cProfile": "Profile run runctx",
    "profile": "Profile run runctx",
    "concurrent": "futures",
    "concurrent.futures": """
        ThreadPoolExecutor Future Executor as_completed wait FIRST_COMPLETED FIRST_EXCEPTION ALL_COMPLETED TimeoutError
        CancelledError InvalidStateError BrokenExecutor
    """,
    "xml": "etree dom sax",
    "xml.etree": "ElementTree cElementTree",
    "xml.dom": "minidom Node",
    "xml.sax": "saxutils",
    "ssl": """
        create_default_context SSLContext SSLError SSLZeroReturnError SSLCertVerificationError CertificateError TLSVersion
        Purpose CERT_NONE CERT_OPTIONAL CERT_REQUIRED PROTOCOL_TLS PROTOCOL_TLS_CLIENT OP_NO_TLSv1 OP_NO_TLSv1_1
        VerifyMode VerifyFlags OPENSSL_VERSION OPENSSL_VERSION_INFO OPENSSL_VERSION_NUMBER HAS_SNI get_default_verify_paths
    """,
    "locale": "getlocale getpreferredencoding localeconv atof atoi format_string currency str LC_ALL LC_NUMERIC getencoding",
}
"""Modules of which only the names here may be used."""

STDLIB_NOT = {
    "pickle": "load loads Unpickler",
    "marshal": "load loads",
    "shelve": "open Shelf BsdDbShelf DbfilenameShelf Unpickler Pickler",
    "logging": "FileHandler handlers config setLoggerClass setLogRecordFactory setLevelName root",
    "logging.handlers": "*",
    "logging.config": "*",
    "asyncio": """
        create_subprocess_exec create_subprocess_shell subprocess base_subprocess unix_events windows_events windows_utils
        open_connection start_server open_unix_connection start_unix_server selector_events proactor_events base_events
        set_event_loop_policy set_child_watcher get_child_watcher SubprocessProtocol streams events sslproto constants
        SafeChildWatcher ThreadedChildWatcher PidfdChildWatcher FastChildWatcher MultiLoopChildWatcher
    """,
    "codecs": "open register register_error unregister lookup_error",
    "contextlib": "chdir",
    "ast": "main",
    "argparse": "FileType",
    "tokenize": "open main",
    "traceback": "walk_stack walk_tb StackSummary",
    "platform": "popen libc_ver freedesktop_os_release",
    "typing": "io",
    "uuid": "main",
    "zipfile": "PyZipFile main",
    "tarfile": "main bltn_open",
    "enum": "bltns",
    "zoneinfo": "reset_tzpath",
    "mimetypes": "init read_mime_types",
    "weakref": "",
    "sqlite3": "dump enable_callback_tracebacks register_adapter register_converter",
    "warnings": "showwarning formatwarning",
    "email": "",
    "operator": "",
    "html": "",
    "tempfile": "tempdir",
    "time": "tzset clock_settime clock_settime_ns pthread_getcpuclockid",
    "random": "",
    "string": "",
}
"""Names that may not be used of modules whose other names may."""

STDLIB_OWN_NAMES = words(
    """
    array.array bisect.bisect calendar.calendar copy.copy datetime.datetime datetime.time fnmatch.fnmatch
    getopt.getopt glob.glob os.stat os.path platform.platform pprint.pprint random.random shutil.copy
    stringprep.unicodedata sys.platform time.time timeit.timeit typing.io typing.re tokenize.tokenize
    ast.operator ast.keyword concurrent.futures collections.abc urllib.parse urllib.error html.parser
    html.entities http.cookies importlib.util importlib.metadata json.decoder json.encoder logging.handlers
    logging.config email.message email.utils email.parser email.policy email.header email.mime email.generator
    email.encoders email.charset email.errors email.headerregistry email.contentmanager email.iterators
    xml.etree xml.dom xml.sax xml.sax.saxutils asyncio.subprocess asyncio.queues asyncio.tasks
    asyncio.exceptions asyncio.futures asyncio.locks asyncio.runners asyncio.timeouts asyncio.taskgroups
    asyncio.threads asyncio.coroutines asyncio.protocols asyncio.transports asyncio.log asyncio.mixins
    asyncio.trsock asyncio.staggered asyncio.format_helpers asyncio.base_futures asyncio.base_tasks
    unicodedata.decimal
    """
)
"""Names of the standard library that are called like a module and are no way to another one."""

DANGEROUS_WHY = {
    "it starts processes": "_posixsubprocess pipes sh pexpect plumbum invoke fabric sarge webbrowser antigravity",
    "it runs or imports code by name or from text": """
        builtins runpy code codeop imp pkgutil zipimport _frozen_importlib _frozen_importlib_external _imp pydoc doctest
        bdb pdb trace unittest py_compile compileall modulefinder ensurepip venv distutils lib2to3 idlelib zipapp
        gettext rlcompleter test _bootsubprocess setuptools pip pkg_resources
    """,
    "it reaches memory and system calls": """
        _ctypes mmap posix nt _posixshmem _winapi winreg msvcrt tty termios _curses curses syslog faulthandler cffi
        pyseccomp _multiprocessing
    """,
    "it starts threads or processes of its own": "_thread dummy_threading _dummy_thread multiprocess pathos billiard loky",
    "it opens connections of its own": """
        _socket select selectors socketserver asyncore asynchat ftplib smtplib poplib imaplib nntplib telnetlib smtpd
        xmlrpc wsgiref cgi cgitb _ssl
    """,
    "it changes or reveals the whole process": """
        signal _signal atexit tracemalloc site sitecustomize usercustomize dis opcode symtable pyclbr __main__ copyreg
        readline _sitebuiltins
    """,
    "it reaches files directly": "_io _pyio linecache fileinput mailbox netrc pwd grp spwd nis dbm crypt",
    "unpickling runs code that the data names": "_pickle cPickle dill cloudpickle jsonpickle _compat_pickle pstats",
}

DANGEROUS_FIXES = {
    "it starts processes": "Use a library for the task, or a built-in service",
    "it runs or imports code by name or from text": "Write an import statement or a function",
    "it reaches memory and system calls": "Use numpy or the SDK instead",
    "it starts threads or processes of its own": "Let steps run in parallel, or use parallel_io",
    "it opens connections of its own": "Use requests, httpx or aiohttp",
    "it changes or reveals the whole process": "Keep state in your processor; the host owns the process",
    "it reaches files directly": "Use open_asset or download_asset from shared.plugins",
    "unpickling runs code that the data names": "Use json, safetensors or Parquet",
}

SENSITIVE = words(
    """
    os sys io importlib pickle marshal shelve logging asyncio codecs inspect gc shutil tempfile pathlib types
    builtins http urllib gzip bz2 lzma timeit cProfile profile concurrent ssl operator sqlite3 ast traceback
    platform typing tokenize argparse contextlib warnings zipfile tarfile weakref functools
    """
)
"""Modules that may be named only as the root of `module.attribute`, never passed, stored or returned."""

# ── Attributes ───────────────────────────────────────────────────────────────────────────────────────────────────────

ORDINARY_DUNDERS = words(
    """
    __init__ __new__ __del__ __repr__ __str__ __bytes__ __format__ __lt__ __le__ __eq__ __ne__ __gt__ __ge__
    __hash__ __bool__ __getattr__ __init_subclass__ __set_name__ __class_getitem__ __call__ __len__
    __length_hint__ __getitem__ __setitem__ __delitem__ __missing__ __iter__ __next__ __reversed__ __contains__
    __add__ __sub__ __mul__ __matmul__ __truediv__ __floordiv__ __mod__ __divmod__ __pow__ __lshift__ __rshift__
    __and__ __xor__ __or__ __radd__ __rsub__ __rmul__ __rmatmul__ __rtruediv__ __rfloordiv__ __rmod__
    __rdivmod__ __rpow__ __rlshift__ __rrshift__ __rand__ __rxor__ __ror__ __iadd__ __isub__ __imul__
    __imatmul__ __itruediv__ __ifloordiv__ __imod__ __ipow__ __ilshift__ __irshift__ __iand__ __ixor__ __ior__
    __neg__ __pos__ __abs__ __invert__ __complex__ __int__ __float__ __index__ __round__ __trunc__ __floor__
    __ceil__ __enter__ __exit__ __await__ __aiter__ __anext__ __aenter__ __aexit__ __post_init__ __get__ __set__
    __delete__ __sizeof__ __instancecheck__ __subclasscheck__ __copy__ __deepcopy__ __prepare__ __array__
    __array_ufunc__ __array_function__ __array_priority__ __fspath__ __dir__ __name__ __qualname__ __doc__
    __module__ __version__ __all__ __file__ __annotations__ __slots__ __match_args__ __package__ __debug__
    __author__ __license__ __email__ __title__ __copyright__ __date__ __credits__ __status__
    __dataclass_fields__ __dataclass_params__ __members__ __fields__ __fields_set__ __pydantic_fields__ __root__
    __pydantic_init_subclass__ __get_pydantic_core_schema__ __get_pydantic_json_schema__ __notes__ __cause__
    __context__ __suppress_context__ __origin__ __args__ __parameters__ __metadata__ __config__ __len_hint__
    __weakref__ __isabstractmethod__ __abstractmethods__ __torch_function__ __torch_dispatch__ __dlpack__
    __dlpack_device__ __arrow_array__ __arrow_c_array__ __arrow_c_stream__ __arrow_c_schema__ __dataframe__
    __cached__ __pydantic_extra__ __pydantic_private__ __pydantic_fields_set__ __pydantic_post_init__
    __pydantic_config__
    """
)

INTERNAL_ATTRIBUTES = words(
    """
    f_back f_builtins f_code f_globals f_locals f_lasti f_trace tb_frame tb_next tb_lasti gi_frame gi_code
    gi_yieldfrom cr_frame cr_code cr_await cr_origin ag_frame ag_code ag_await co_code co_consts co_names
    co_varnames co_freevars co_cellvars co_filename co_name co_firstlineno co_linetable co_lnotab co_stacksize
    co_flags co_argcount co_qualname co_positions co_lines func_globals func_code im_func im_self cell_contents
    """
)
"""Names of frames, code objects and generators: whoever holds one holds the interpreter."""

DOORS = {
    "subprocess_exec": "it starts processes",
    "subprocess_shell": "it starts processes",
    "create_subprocess_exec": "it starts processes",
    "create_subprocess_shell": "it starts processes",
    "create_unix_connection": "it opens connections of its own",
    "create_unix_server": "it opens connections of its own",
    "create_datagram_endpoint": "it opens connections of its own",
    "enable_load_extension": "it reaches memory and system calls",
    "load_extension": "it reaches memory and system calls",
    "fork_exec": "it starts processes",
    "exec_module": "it runs or imports code by name or from text",
    "load_module": "it runs or imports code by name or from text",
    "find_loader": "it runs or imports code by name or from text",
    "resolve_forward_ref": "it runs or imports code by name or from text",
}
"""Attributes that mean one thing only, on whatever object."""

STDLIB_OBJECT_DOORS = {
    "pathlib": words("open read_text read_bytes write_text write_bytes symlink_to hardlink_to link_to chmod lchmod"),
    "asyncio": words(
        """
        create_connection create_server create_unix_connection create_unix_server create_datagram_endpoint sock_connect
        connect_read_pipe connect_write_pipe subprocess_exec subprocess_shell add_signal_handler add_reader add_writer
        sendfile start_tls getaddrinfo getnameinfo sock_accept sock_recv sock_sendall
        """
    ),
    "zipfile": {"fp"},
    "tarfile": {"fileobj"},
    "gzip": {"fileobj", "myfileobj"},
    "wave": {"getfp"},
    "shlex": {"sourcehook", "push_source"},
    "string": {"get_field", "get_value"},
    "sqlite3": {"enable_load_extension", "load_extension"},
    "zoneinfo": {"from_file"},
    "optparse": {"ensure_value", "read_file", "read_module"},
    "sysconfig": {"parse_config_h"},
    "logging": {"manager"},
}
"""Methods of the standard library's objects that reach files, connections or attributes by name."""

SAFE_PRIVATE = words(
    """
    _ _asdict _replace _fields _make _field_defaults _value_ _name_ _missing_ _generate_next_value_
    """
)
"""Attributes with a leading underscore that are documented as public (named tuples, enums)."""

REACHED_FUNCTIONS = {
    "os": r"system|popen|spawn\w+|exec[lv]\w*|fork\w*|kill|killpg|posix_spawnp?|open|fdopen|putenv|dup2?|chmod|chown|setuid",
    "posix": r"system|popen|exec\w+|fork\w*|kill|killpg|posix_spawnp?|open",
    "sys": r"modules|_getframe|settrace|setprofile|meta_path|path_hooks|addaudithook",
    "subprocess": r"run|Popen|call|check_call|check_output|getoutput|getstatusoutput",
    "builtins": r"eval|exec|compile|open|__import__|globals|locals|vars|getattr|setattr|delattr",
    "importlib": r"import_module|__import__|machinery|reload",
    "socket": r"socket|create_connection|create_server|socketpair",
    "ctypes": r"CDLL|PyDLL|cdll|pythonapi|string_at|memmove|cast|util",
    "threading": r"Thread|Timer|setprofile|settrace",
    "multiprocessing": r"Process|Pool|Manager|get_context",
    "pickle": r"loads?|Unpickler",
    "marshal": r"loads?",
    "codecs": r"open",
    "runpy": r"run_path|run_module",
    "pty": r"spawn|fork",
    "shutil": r"chown|make_archive|unpack_archive|os|sys",
    "inspect": r"currentframe|stack|getmodule|sys|os|importlib",
    "linecache": r"getlines?|os|sys",
    "warnings": r"sys|linecache",
    "logging": r"os|sys|FileHandler|threading",
    "signal": r"raise_signal|pthread_kill|alarm|setitimer|set_wakeup_fd",
}
"""What, read from an attribute of a module's name, shows that the attribute is the module: `x.os.system`."""

CHANGEABLE = {"os.environ", "sys.path", "sys.modules"}
PROCESS_MODULES = {"os", "sys", "builtins"}

HARMLESS_VARIABLES = words(
    """
    TOKENIZERS_PARALLELISM RAYON_NUM_THREADS
    OMP_NUM_THREADS OMP_WAIT_POLICY OMP_DYNAMIC MKL_NUM_THREADS MKL_DYNAMIC OPENBLAS_NUM_THREADS BLIS_NUM_THREADS
    VECLIB_MAXIMUM_THREADS NUMEXPR_NUM_THREADS NUMEXPR_MAX_THREADS NUMBA_NUM_THREADS NUMBA_DISABLE_JIT POLARS_MAX_THREADS
    KMP_DUPLICATE_LIB_OK KMP_BLOCKTIME KMP_AFFINITY KMP_WARNINGS
    HF_HUB_DISABLE_TELEMETRY HF_HUB_DISABLE_PROGRESS_BARS HF_HUB_DISABLE_SYMLINKS_WARNING HF_HUB_VERBOSITY
    HF_HUB_DISABLE_IMPLICIT_TOKEN HF_HUB_DISABLE_EXPERIMENTAL_WARNING HF_HUB_ENABLE_HF_TRANSFER HF_HUB_DISABLE_XET
    HF_HUB_DOWNLOAD_TIMEOUT HF_HUB_ETAG_TIMEOUT HF_HUB_OFFLINE TRANSFORMERS_OFFLINE HF_DATASETS_OFFLINE
    TRANSFORMERS_VERBOSITY TRANSFORMERS_NO_ADVISORY_WARNINGS TRANSFORMERS_NO_TF DATASETS_VERBOSITY DIFFUSERS_VERBOSITY
    USE_TF USE_TORCH USE_FLAX USE_JAX
    TF_CPP_MIN_LOG_LEVEL TF_ENABLE_ONEDNN_OPTS TF_FORCE_GPU_ALLOW_GROWTH TF_DETERMINISTIC_OPS ABSL_MIN_LOG_LEVEL
    GLOG_minloglevel GRPC_VERBOSITY CUBLAS_WORKSPACE_CONFIG CUDA_DEVICE_ORDER CUDA_LAUNCH_BLOCKING PYTORCH_CUDA_ALLOC_CONF
    PYTORCH_ENABLE_MPS_FALLBACK OPENCV_LOG_LEVEL OPENCV_FFMPEG_LOGLEVEL TQDM_DISABLE DISABLE_TQDM
    DO_NOT_TRACK ANONYMIZED_TELEMETRY DISABLE_TELEMETRY LOGURU_LEVEL
    """
)
"""Variables that only tune or quieten a library; the rest of the environment belongs to the host."""
MAPPING_WRITES = words(
    """
    update pop setdefault clear popitem __setitem__ __delitem__ append insert extend remove
    """
)

LIBRARY_SETTINGS = {"backends", "options", "config", "mode", "display"}
"""Parts of libraries that hold settings: a value from elsewhere may be stored there."""

INTERNAL_TEXTS = INTERNAL_ATTRIBUTES | words(
    """
    __globals__ __builtins__ __subclasses__ __code__ __import__ __getattribute__ __reduce__ __reduce_ex__ __self__ __func__
    __closure__ __traceback__ __loader__ __spec__ __bases__ __mro__ __base__ __wrapped__ __setattr__ __delattr__
    """
)
"""Names that, given to a function as text, ask for the attribute of that name."""

FORBIDDEN_DEFINITIONS = words(
    """
    __annotations__ __array_interface__ __array_struct__ __bases__ __builtins__ __class__ __code__ __cuda_array_interface__
    __dict__ __globals__ __import__ __loader__ __mro__ __path__ __reduce__ __reduce_ex__ __spec__ __subclasses__
    """
)
"""Dunders that neither a module nor a class may define: the interpreter or a library would act on them."""

ATTRIBUTES_BY_TEXT = words("agg aggregate apply transform")
"""Methods of tables that take the name of another method as text."""
