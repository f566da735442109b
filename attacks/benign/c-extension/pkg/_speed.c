/* A sum that Python would take longer for. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

static PyObject *triangle(PyObject *self, PyObject *argument)
{
    unsigned long sum = 0;
    unsigned long last = PyLong_AsUnsignedLong(argument);

    if (PyErr_Occurred())
        return NULL;
    for (unsigned long i = 1; i <= last; i++)
        sum += i;
    return PyLong_FromUnsignedLong(sum);
}

static PyMethodDef methods[] = {
    {"triangle", triangle, METH_O, "The sum of all numbers up to this one."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "_speed", NULL, -1, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__speed(void)
{
    return PyModule_Create(&module);
}
