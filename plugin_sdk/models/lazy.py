"""Models that load at first use, once, whatever thread comes first."""

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")


class LazyModelMixin:
    """Gives a class `self.model`, which `load_model()` makes at first use; the loaded model is never pickled."""

    _model: Any = None
    _model_lock = threading.RLock()

    def load_model(self) -> Any:
        """Make the model; a subclass writes this."""
        raise NotImplementedError(f"{type(self).__name__} has no load_model.")

    @property
    def model(self) -> Any:
        """The model, loaded."""
        if self._model is None:
            with self._model_lock:
                if self._model is None:
                    self._model = self.load_model()
        return self._model

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "_model"}


class lazy_model(Generic[T]):
    """Decorator: the result is made at first use and kept.

    On a method it makes an attribute of each instance; on a function without arguments, a function that loads once.
    """

    def __init__(self, load: Callable[..., T]) -> None:
        self._load = load
        self._lock = threading.RLock()
        self._name = f"_lazy_{load.__name__}"
        self._made: list[T] = []
        self.__doc__ = load.__doc__

    @overload
    def __get__(self, instance: None, owner: type) -> "lazy_model[T]": ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> "lazy_model[T] | T":
        if instance is None:
            return self
        kept = instance.__dict__
        if self._name not in kept:
            with self._lock:
                if self._name not in kept:
                    kept[self._name] = self._load(instance)
        made: T = kept[self._name]
        return made

    def __call__(self) -> T:
        with self._lock:
            if not self._made:
                self._made.append(self._load())
        return self._made[0]
