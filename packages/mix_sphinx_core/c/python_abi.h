/*
 * The part of Python's stable ABI (PEP 384) that the module uses, as it is since Python 3.11. Declared here, so that one
 * build needs the headers of no Python and serves all of them. Source: "C API stability" in Python's documentation.
 */
#ifndef PYTHON_ABI_H
#define PYTHON_ABI_H

#include <stddef.h>
#include <stdint.h>

typedef intptr_t Py_ssize_t;
typedef struct PyObject PyObject;
typedef struct PyThreadState PyThreadState;

#ifdef _WIN32
#define PYTHON_DATA __declspec(dllimport) extern
#define MODULE_INIT __declspec(dllexport)
#else
#define PYTHON_DATA extern
#define MODULE_INIT __attribute__((visibility("default")))
#endif

typedef PyObject *(*PyFastFunction)(PyObject *self, PyObject *const *arguments, Py_ssize_t count);

typedef struct {
    const char *name;
    PyFastFunction function;
    int flags;
    const char *documentation;
} PyMethodDef;

#define METH_FASTCALL 0x0080

typedef struct {
    int slot;
    void *value;
} PyModuleDef_Slot;

#define Py_mod_exec 2
#define Py_mod_multiple_interpreters 3 /* since 3.12 */
#define Py_MOD_PER_INTERPRETER_GIL_SUPPORTED ((void *) 2)

typedef struct {
    struct {
        Py_ssize_t reference_count;
        void *type;
        void *init;
        Py_ssize_t index;
        PyObject *copy;
    } base;
    const char *name;
    const char *documentation;
    Py_ssize_t size;
    PyMethodDef *methods;
    PyModuleDef_Slot *slots;
    void *traverse;
    void *clear;
    void (*free)(void *module);
} PyModuleDef;

typedef struct {
    void *buf;
    PyObject *obj;
    Py_ssize_t len;
    Py_ssize_t itemsize;
    int readonly;
    int ndim;
    char *format;
    Py_ssize_t *shape;
    Py_ssize_t *strides;
    Py_ssize_t *suboffsets;
    void *internal;
} Py_buffer;

#define PyBUF_SIMPLE 0

PYTHON_DATA const unsigned long Py_Version;
PYTHON_DATA PyObject *PyExc_TypeError, *PyExc_ValueError;
PYTHON_DATA char _Py_NoneStruct[];
#define Py_None ((PyObject *) _Py_NoneStruct)

PyObject *PyModuleDef_Init(PyModuleDef *definition);
void *PyModule_GetState(PyObject *module);
int PyModule_AddIntConstant(PyObject *module, const char *name, long value);
PyObject *PyErr_NoMemory(void);
void PyErr_SetString(PyObject *type, const char *message);
PyObject *PyErr_Format(PyObject *type, const char *format, ...);
PyObject *PyErr_Occurred(void);
void Py_IncRef(PyObject *object);
void Py_DecRef(PyObject *object);
PyObject *PyBytes_FromStringAndSize(const char *data, Py_ssize_t length);
char *PyBytes_AsString(PyObject *bytes);
Py_ssize_t PySequence_Size(PyObject *sequence);
PyObject *PySequence_GetItem(PyObject *sequence, Py_ssize_t index);
PyObject *PyTuple_New(Py_ssize_t length);
int PyTuple_SetItem(PyObject *tuple, Py_ssize_t index, PyObject *stolen);
PyObject *PyList_New(Py_ssize_t length);
int PyList_SetItem(PyObject *list, Py_ssize_t index, PyObject *stolen);
PyObject *PyLong_FromLong(long value);
long PyLong_AsLong(PyObject *number);
int PyObject_IsTrue(PyObject *object);
int PyObject_GetBuffer(PyObject *object, Py_buffer *view, int flags);
void PyBuffer_Release(Py_buffer *view);
PyThreadState *PyEval_SaveThread(void);
void PyEval_RestoreThread(PyThreadState *state);

#endif
