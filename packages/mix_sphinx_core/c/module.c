/*
 * The module mix_sphinx_core._core: arguments checked and copied, the work done without the interpreter's lock, results
 * wrapped. ../src/mix_sphinx_core/_core.pyi tells what each function takes and gives.
 */
#include <stdlib.h>
#include <string.h>

#include "python_abi.h"

#include "private/implementations.h"
#include "runtime.h"
#include "utils.h"

#include "aes.h"
#include "curve.h"
#include "hash.h"
#include "sphinx.h"
#include "table_cache.h"

#define DEFAULT_TABLES 512

/* --- arguments --------------------------------------------------------------------------------------------------- */

/* Borrows the bytes of an object; 0 with an exception if it has none. */
static int open_bytes(Py_buffer *view, PyObject *object)
{
    return PyObject_GetBuffer(object, view, PyBUF_SIMPLE) == 0;
}

static int fail(const char *message)
{
    PyErr_SetString(PyExc_ValueError, message);
    return 0;
}

/* Copies bytes of one length; `message` says what it should be. */
static int copy_bytes(uint8_t *out, size_t length, PyObject *object, const char *message)
{
    Py_buffer view;
    int is_right;

    if (!open_bytes(&view, object)) {
        return 0;
    }
    is_right = (size_t) view.len == length;
    if (is_right) {
        memcpy(out, view.buf, length);
    }
    PyBuffer_Release(&view);
    return is_right || fail(message);
}

static uint8_t *bytes_of(PyObject *bytes)
{
    return (uint8_t *) PyBytes_AsString(bytes);
}

static void drop(PyObject *object)
{
    if (object) {
        Py_DecRef(object);
    }
}

static int check_count(Py_ssize_t count, Py_ssize_t wanted, const char *message)
{
    if (count != wanted) {
        PyErr_SetString(PyExc_TypeError, message);
    }
    return count == wanted;
}

/* A tuple of two or three; takes over the references, also when it fails. */
static PyObject *pack(PyObject *first, PyObject *second, PyObject *third)
{
    PyObject *const items[] = {first, second, third};
    const Py_ssize_t count = third ? 3 : 2;
    PyObject *const tuple = first && second ? PyTuple_New(count) : NULL;

    for (Py_ssize_t i = 0; i < 3; i++) {
        if (tuple && i < count) {
            PyTuple_SetItem(tuple, i, items[i]);
        }
        else {
            drop(items[i]);
        }
    }
    return tuple;
}

/* --- tables ------------------------------------------------------------------------------------------------------ */

/* Holds a point's table; one that the cache lacks comes into the list of new ones. */
static cached_table *find_table(table_cache *cache, const uint8_t *u, cached_table **fresh)
{
    cached_table *table = table_cache_find(cache, u);

    for (cached_table *other = *fresh; !table && other; other = other->older) {
        if (memcmp(other->u, u, POINT_LENGTH) == 0) {
            table = other;
            table->holders++;
        }
    }
    if (!table) {
        table = table_new(u);
        if (!table) {
            PyErr_NoMemory();
            return NULL;
        }
        table->older = *fresh;
        *fresh = table;
        table->holders++;
    }
    return table;
}

/* Without the lock; 0 if memory was short. */
static int fill_tables(cached_table *fresh)
{
    for (; fresh; fresh = fresh->older) {
        if (!table_fill(fresh)) {
            return 0;
        }
    }
    return 1;
}

static void keep_tables(table_cache *cache, cached_table *fresh, int are_filled)
{
    while (fresh) {
        cached_table *const table = fresh;

        fresh = table->older;
        if (are_filled) {
            table_cache_add(cache, table);
        }
        table_release(table);
    }
}

/* --- building ---------------------------------------------------------------------------------------------------- */

typedef struct {
    build_request request;
    uint8_t node_keys[MAX_HOPS][POINT_LENGTH];
    cached_table *tables[MAX_HOPS];
    PyObject *out, *seeds;
    size_t carried; /* the index of the packet that this one carries, or its own if it carries none */
} build_job;

#define NOTHING_CARRIED (-1)

/* Takes the items that headers and packets have in common. */
static int read_request(build_job *job, PyObject *item[4])
{
    static const char hops_message[] = "node keys have 32 bytes each, and a route has one to five";
    build_request *const request = &job->request;
    Py_buffer view;
    size_t length;

    if (!open_bytes(&view, item[0])) {
        return 0;
    }
    length = (size_t) view.len;
    if (length == 0 || length % POINT_LENGTH || length > sizeof job->node_keys) {
        PyBuffer_Release(&view);
        return fail(hops_message);
    }
    memcpy(job->node_keys, view.buf, length);
    PyBuffer_Release(&view);
    request->hops = length / POINT_LENGTH;
    return copy_bytes(request->metas, (request->hops - 1) * FORWARD_META_LENGTH + FINAL_META_LENGTH, item[1],
                      "metas have 44 bytes for each hop but the last, and 52 for that") &&
           copy_bytes(request->secret, POINT_LENGTH, item[2], "a secret has 32 bytes") &&
           copy_bytes(request->padding,
                      ROUTING_LENGTH - FINAL_META_LENGTH - (request->hops - 1) * ROUTING_STEP_LENGTH, item[3],
                      "the padding has 248 bytes less 60 for each hop but the last");
}

/* Makes the result's bytes, which nobody else knows yet: they are written without the lock. */
static int make_header(build_job *job)
{
    job->out = PyBytes_FromStringAndSize(NULL, HEADER_LENGTH);
    job->seeds = PyBytes_FromStringAndSize(NULL, (Py_ssize_t) job->request.hops * PAYLOAD_SEED_LENGTH);
    if (!job->out || !job->seeds) {
        return 0;
    }
    job->request.header = bytes_of(job->out);
    job->request.seeds = bytes_of(job->seeds);
    return 1;
}

static int make_packet(build_job *job, PyObject *is_seeded, PyObject *payload)
{
    build_request *const request = &job->request;
    Py_buffer view;

    request->is_seeded = PyObject_IsTrue(is_seeded);
    if (request->is_seeded < 0 || !open_bytes(&view, payload)) {
        return 0;
    }
    request->payload_length = (size_t) view.len;
    if (!sphinx_is_payload_length(request->payload_length)) {
        PyBuffer_Release(&view);
        return fail("no packet has a payload of this length");
    }
    job->out = PyBytes_FromStringAndSize(NULL, (Py_ssize_t) (HEADER_LENGTH + request->payload_length));
    if (job->out) {
        request->header = bytes_of(job->out);
        request->payload = request->header + HEADER_LENGTH;
        memcpy(request->payload, view.buf, request->payload_length);
    }
    PyBuffer_Release(&view);
    return job->out != NULL;
}

/* Notes which packet of the same call comes into the payload, and where. */
static int carry(build_job *jobs, size_t index, PyObject *carries, PyObject *at)
{
    build_request *const request = &jobs[index].request;
    const long carried = PyLong_AsLong(carries), offset = PyLong_AsLong(at);

    if (PyErr_Occurred()) {
        return 0;
    }
    jobs[index].carried = index;
    if (carried == NOTHING_CARRIED) {
        return 1;
    }
    if (carried < 0 || (size_t) carried >= index) {
        return fail("a packet carries an earlier one of the same call");
    }
    jobs[index].carried = (size_t) carried;
    request->carried = jobs[carried].request.header;
    request->carried_length = HEADER_LENGTH + jobs[carried].request.payload_length;
    request->carried_at = (size_t) offset;
    if (offset < 0 || request->carried_at > request->payload_length ||
        request->carried_length > request->payload_length - request->carried_at) {
        return fail("the packet that is carried reaches out of the payload");
    }
    return 1;
}

static int read_job(build_job *jobs, size_t index, PyObject *request, int has_payload)
{
    const Py_ssize_t wanted = has_payload ? 8 : 4, count = PySequence_Size(request);
    build_job *const job = &jobs[index];
    PyObject *items[8] = {NULL};
    int is_right = count >= 0 && check_count(count, wanted, "a request has another number of items");

    for (Py_ssize_t i = 0; is_right && i < wanted; i++) {
        items[i] = PySequence_GetItem(request, i);
        is_right = items[i] != NULL;
    }
    is_right = is_right && read_request(job, items) &&
               (has_payload ? make_packet(job, items[4], items[5]) && carry(jobs, index, items[6], items[7])
                            : make_header(job));
    for (Py_ssize_t i = 0; i < wanted; i++) {
        drop(items[i]);
    }
    return is_right;
}

static int find_tables(table_cache *cache, build_job *job, cached_table **fresh)
{
    for (size_t hop = 0; hop < job->request.hops; hop++) {
        job->tables[hop] = find_table(cache, job->node_keys[hop], fresh);
        if (!job->tables[hop]) {
            return 0;
        }
    }
    return 1;
}

/* What is done without the lock; 0 if memory was short. */
static int build_all(build_job *jobs, size_t count, build_request **usable, cached_table *fresh)
{
    size_t usable_count = 0;
    int is_done;

    if (!fill_tables(fresh)) {
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        build_request *const request = &jobs[i].request;
        size_t hop = 0;

        while (hop < request->hops && jobs[i].tables[hop]->is_usable) {
            request->tables[hop] = &jobs[i].tables[hop]->table;
            hop++;
        }
        if (hop == request->hops && jobs[jobs[i].carried].request.header) {
            usable[usable_count++] = request;
        }
        else {
            request->header = NULL; /* no result */
        }
    }
    is_done = sphinx_build(usable, usable_count);
    sphinx_burn_stack();
    return is_done;
}

static PyObject *wrap_results(build_job *jobs, size_t count, int has_payload)
{
    PyObject *const results = PyList_New((Py_ssize_t) count);

    for (size_t i = 0; results && i < count; i++) {
        PyObject *result;

        if (!jobs[i].request.header) {
            result = Py_None;
            Py_IncRef(result);
        }
        else if (has_payload) {
            result = jobs[i].out;
            jobs[i].out = NULL;
        }
        else {
            result = pack(jobs[i].out, jobs[i].seeds, NULL);
            jobs[i].out = jobs[i].seeds = NULL;
            if (!result) {
                Py_DecRef(results);
                return NULL;
            }
        }
        PyList_SetItem(results, (Py_ssize_t) i, result);
    }
    return results;
}

static PyObject *build(PyObject *module, PyObject *const *arguments, Py_ssize_t argument_count, int has_payload)
{
    table_cache *const cache = PyModule_GetState(module);
    PyObject *results = NULL;
    cached_table *fresh = NULL;
    build_request **usable;
    build_job *jobs;
    Py_ssize_t size;
    size_t count;
    int is_ready = 1, is_done = 0;

    if (!check_count(argument_count, 1, "there is one argument, the requests")) {
        return NULL;
    }
    size = PySequence_Size(arguments[0]);
    if (size < 0) {
        return NULL;
    }
    count = (size_t) size;
    jobs = calloc(count ? count : 1, sizeof *jobs);
    usable = calloc(count ? count : 1, sizeof *usable);
    if (!jobs || !usable) {
        free(jobs);
        free(usable);
        return PyErr_NoMemory();
    }
    for (size_t i = 0; is_ready && i < count; i++) {
        PyObject *const request = PySequence_GetItem(arguments[0], (Py_ssize_t) i);

        is_ready = request && read_job(jobs, i, request, has_payload) && find_tables(cache, &jobs[i], &fresh);
        drop(request);
    }
    if (is_ready) {
        PyThreadState *const state = PyEval_SaveThread();

        is_done = build_all(jobs, count, usable, fresh);
        PyEval_RestoreThread(state);
        results = is_done ? wrap_results(jobs, count, has_payload) : PyErr_NoMemory();
    }
    keep_tables(cache, fresh, is_done);
    for (size_t i = 0; i < count; i++) {
        for (size_t hop = 0; hop < MAX_HOPS && jobs[i].tables[hop]; hop++) {
            table_release(jobs[i].tables[hop]);
        }
        drop(jobs[i].out);
        drop(jobs[i].seeds);
    }
    sodium_memzero(jobs, count * sizeof *jobs);
    free(jobs);
    free(usable);
    return results;
}

static PyObject *build_headers(PyObject *module, PyObject *const *arguments, Py_ssize_t count)
{
    return build(module, arguments, count, 0);
}

static PyObject *build_packets(PyObject *module, PyObject *const *arguments, Py_ssize_t count)
{
    return build(module, arguments, count, 1);
}

/* --- payloads ---------------------------------------------------------------------------------------------------- */

static PyObject *change_payload(PyObject *material_object, PyObject *payload_object, int is_seeded, int is_sealed)
{
    const size_t step = is_seeded ? PAYLOAD_SEED_LENGTH : PAYLOAD_KEY_LENGTH;
    uint8_t material[MAX_HOPS * PAYLOAD_KEY_LENGTH];
    PyObject *result = NULL;
    Py_buffer view;
    size_t length;

    if (!open_bytes(&view, material_object)) {
        return NULL;
    }
    length = (size_t) view.len;
    if (length == 0 || length % step || length > MAX_HOPS * step) {
        PyBuffer_Release(&view);
        fail(is_seeded ? "there are one to five seeds of 16 bytes" : "there are one to five keys of 192 bytes");
        return NULL;
    }
    memcpy(material, view.buf, length);
    PyBuffer_Release(&view);
    if (open_bytes(&view, payload_object)) {
        if (sphinx_is_payload_length((size_t) view.len)) {
            result = PyBytes_FromStringAndSize(view.buf, view.len);
        }
        else {
            fail("no packet has a payload of this length");
        }
        PyBuffer_Release(&view);
    }
    if (result) {
        uint8_t *const payload = bytes_of(result);
        const size_t payload_length = (size_t) PySequence_Size(result);
        PyThreadState *const state = PyEval_SaveThread();

        if (is_sealed) {
            sphinx_unseal(payload, payload_length, material, length / step);
        }
        else {
            sphinx_seal(payload, payload_length, material, length / step, is_seeded);
        }
        sphinx_burn_stack();
        PyEval_RestoreThread(state);
    }
    sodium_memzero(material, sizeof material);
    return result;
}

static PyObject *seal(PyObject *module, PyObject *const *arguments, Py_ssize_t count)
{
    int is_seeded;

    (void) module;
    if (!check_count(count, 3, "the arguments are material, is_seeded and payload")) {
        return NULL;
    }
    is_seeded = PyObject_IsTrue(arguments[1]);
    return is_seeded < 0 ? NULL : change_payload(arguments[0], arguments[2], is_seeded, 0);
}

static PyObject *unseal(PyObject *module, PyObject *const *arguments, Py_ssize_t count)
{
    (void) module;
    if (!check_count(count, 2, "the arguments are material and payload")) {
        return NULL;
    }
    return change_payload(arguments[0], arguments[1], 1, 1);
}

/* --- nodes ------------------------------------------------------------------------------------------------------- */

static PyObject *wrap_packet(const node_packet *packet)
{
    size_t skipped = packet->outcome == FINAL ? HEADER_LENGTH : 0;

    if (packet->outcome == BAD_LENGTH || packet->outcome == BAD_KEY || packet->outcome == BAD_MAC) {
        return PyLong_FromLong(packet->outcome);
    }
    if (packet->outcome == UNKNOWN_FLAG) {
        skipped = packet->length;
    }
    return pack(PyBytes_FromStringAndSize((const char *) packet->tag, sizeof packet->tag),
                PyBytes_FromStringAndSize((const char *) packet->meta,
                                          packet->outcome == FORWARD ? FORWARD_META_LENGTH : FINAL_META_LENGTH),
                PyBytes_FromStringAndSize((const char *) packet->packet + skipped,
                                          (Py_ssize_t) (packet->length - skipped)));
}

/* Copies a packet; one that is too long to be any is not kept, its length tells. */
static int read_packet(node_packet *packet, PyObject *object)
{
    Py_buffer view;

    if (!object || !open_bytes(&view, object)) {
        return 0;
    }
    packet->length = (size_t) view.len;
    if (packet->length <= HEADER_LENGTH + MAX_PAYLOAD_LENGTH) {
        packet->packet = malloc(packet->length ? packet->length : 1);
        if (packet->packet) {
            memcpy(packet->packet, view.buf, packet->length);
        }
    }
    PyBuffer_Release(&view);
    if (packet->length <= HEADER_LENGTH + MAX_PAYLOAD_LENGTH && !packet->packet) {
        PyErr_NoMemory();
        return 0;
    }
    return 1;
}

static PyObject *process(PyObject *module, PyObject *const *arguments, Py_ssize_t argument_count)
{
    uint8_t secret[POINT_LENGTH];
    PyObject *results = NULL;
    node_packet *packets;
    Py_ssize_t size;
    size_t count;
    int is_ready = 1;

    (void) module;
    if (!check_count(argument_count, 2, "the arguments are node_secret and packets")) {
        return NULL;
    }
    size = PySequence_Size(arguments[1]);
    if (size < 0 || !copy_bytes(secret, sizeof secret, arguments[0], "a node's secret has 32 bytes")) {
        return NULL;
    }
    count = (size_t) size;
    packets = calloc(count ? count : 1, sizeof *packets);
    if (!packets) {
        sodium_memzero(secret, sizeof secret);
        return PyErr_NoMemory();
    }
    for (size_t i = 0; is_ready && i < count; i++) {
        PyObject *const packet = PySequence_GetItem(arguments[1], (Py_ssize_t) i);

        is_ready = read_packet(&packets[i], packet);
        drop(packet);
    }
    if (is_ready) {
        PyThreadState *const state = PyEval_SaveThread();

        sphinx_process(packets, count, secret);
        sphinx_burn_stack();
        PyEval_RestoreThread(state);
        results = PyList_New(size);
    }
    for (size_t i = 0; results && i < count; i++) {
        PyObject *const result = wrap_packet(&packets[i]);

        if (!result) {
            Py_DecRef(results);
            results = NULL;
            break;
        }
        PyList_SetItem(results, (Py_ssize_t) i, result);
    }
    for (size_t i = 0; i < count; i++) {
        if (packets[i].packet) {
            sodium_memzero(packets[i].packet, packets[i].length);
            free(packets[i].packet);
        }
    }
    sodium_memzero(packets, count * sizeof *packets);
    free(packets);
    sodium_memzero(secret, sizeof secret);
    return results;
}

/* --- the curve --------------------------------------------------------------------------------------------------- */

typedef struct {
    agreement agreement;
    uint8_t point[POINT_LENGTH];
    cached_table *table;
} agree_job;

static int read_agreement(agree_job *job, PyObject *request)
{
    const Py_ssize_t count = PySequence_Size(request);
    PyObject *const secret = count == 2 ? PySequence_GetItem(request, 0) : NULL;
    PyObject *const point = secret ? PySequence_GetItem(request, 1) : NULL;
    int is_right = 0;

    if (point) {
        is_right = copy_bytes(job->agreement.secret, POINT_LENGTH, secret, "a secret has 32 bytes") &&
                   copy_bytes(job->point, POINT_LENGTH, point, "a point has 32 bytes");
    }
    else if (count >= 0 && count != 2) {
        check_count(count, 2, "a request is a secret and a point");
    }
    drop(secret);
    drop(point);
    return is_right;
}

static int agree_all(agree_job *jobs, size_t count, agreement **usable, cached_table *fresh)
{
    size_t usable_count = 0;
    int is_done;

    if (!fill_tables(fresh)) {
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        if (jobs[i].table->is_usable) {
            jobs[i].agreement.table = &jobs[i].table->table;
            usable[usable_count++] = &jobs[i].agreement;
        }
    }
    is_done = sphinx_agree(usable, usable_count);
    sphinx_burn_stack();
    return is_done;
}

static PyObject *wrap_agreement(const agree_job *job)
{
    if (!job->table->is_usable) {
        Py_IncRef(Py_None);
        return Py_None;
    }
    return pack(PyBytes_FromStringAndSize((const char *) job->agreement.public, POINT_LENGTH),
                PyBytes_FromStringAndSize((const char *) job->agreement.shared, POINT_LENGTH), NULL);
}

static PyObject *agree(PyObject *module, PyObject *const *arguments, Py_ssize_t argument_count)
{
    table_cache *const cache = PyModule_GetState(module);
    PyObject *results = NULL;
    cached_table *fresh = NULL;
    agreement **usable;
    agree_job *jobs;
    Py_ssize_t size;
    size_t count;
    int is_ready = 1, is_done = 0;

    if (!check_count(argument_count, 1, "there is one argument, the requests")) {
        return NULL;
    }
    size = PySequence_Size(arguments[0]);
    if (size < 0) {
        return NULL;
    }
    count = (size_t) size;
    jobs = calloc(count ? count : 1, sizeof *jobs);
    usable = calloc(count ? count : 1, sizeof *usable);
    if (!jobs || !usable) {
        free(jobs);
        free(usable);
        return PyErr_NoMemory();
    }
    for (size_t i = 0; is_ready && i < count; i++) {
        PyObject *const request = PySequence_GetItem(arguments[0], (Py_ssize_t) i);

        is_ready = request && read_agreement(&jobs[i], request);
        if (is_ready) {
            jobs[i].table = find_table(cache, jobs[i].point, &fresh);
            is_ready = jobs[i].table != NULL;
        }
        drop(request);
    }
    if (is_ready) {
        PyThreadState *const state = PyEval_SaveThread();

        is_done = agree_all(jobs, count, usable, fresh);
        PyEval_RestoreThread(state);
        results = is_done ? PyList_New(size) : PyErr_NoMemory();
    }
    keep_tables(cache, fresh, is_done);
    for (size_t i = 0; i < count; i++) {
        PyObject *const result = results ? wrap_agreement(&jobs[i]) : NULL;

        if (result) {
            PyList_SetItem(results, (Py_ssize_t) i, result);
        }
        else if (results) {
            Py_DecRef(results);
            results = NULL;
        }
        if (jobs[i].table) {
            table_release(jobs[i].table);
        }
    }
    sodium_memzero(jobs, count * sizeof *jobs);
    free(jobs);
    free(usable);
    return results;
}

static PyObject *limit_tables(PyObject *module, PyObject *const *arguments, Py_ssize_t count)
{
    long limit;

    if (!check_count(count, 1, "there is one argument, the count")) {
        return NULL;
    }
    limit = PyLong_AsLong(arguments[0]);
    if (limit < 0) {
        if (!PyErr_Occurred()) {
            fail("there can't be less than no tables");
        }
        return NULL;
    }
    table_cache_limit(PyModule_GetState(module), (size_t) limit);
    Py_IncRef(Py_None);
    return Py_None;
}

/* --- the module -------------------------------------------------------------------------------------------------- */

static int execute(PyObject *module)
{
    table_cache_init(PyModule_GetState(module), DEFAULT_TABLES);
    return PyModule_AddIntConstant(module, "BAD_LENGTH", BAD_LENGTH) ||
                   PyModule_AddIntConstant(module, "BAD_KEY", BAD_KEY) ||
                   PyModule_AddIntConstant(module, "BAD_MAC", BAD_MAC)
               ? -1
               : 0;
}

static void free_module(void *module)
{
    table_cache *const cache = PyModule_GetState(module);

    if (cache) {
        table_cache_clear(cache);
    }
}

static PyMethodDef methods[] = {
    {"build_headers", build_headers, METH_FASTCALL, NULL},
    {"build_packets", build_packets, METH_FASTCALL, NULL},
    {"seal", seal, METH_FASTCALL, NULL},
    {"unseal", unseal, METH_FASTCALL, NULL},
    {"process", process, METH_FASTCALL, NULL},
    {"agree", agree, METH_FASTCALL, NULL},
    {"limit_tables", limit_tables, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

/* Python 3.11 refuses slots that it does not know. */
static PyModuleDef_Slot old_slots[] = {{Py_mod_exec, execute}, {0, NULL}};
static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, execute},
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
    {0, NULL},
};

static PyModuleDef definition = {
    .base = {.reference_count = 1},
    .name = "mix_sphinx_core._core",
    .size = sizeof(table_cache),
    .methods = methods,
    .slots = slots,
    .free = free_module,
};

MODULE_INIT PyObject *PyInit__core(void)
{
    _sodium_runtime_get_cpu_features();
    _crypto_stream_chacha20_pick_best_implementation();
    /* Of BLAKE2b libsodium's plain C is the fastest: a hash of 2 kB took 1.4 us by it, 2.9 us by its AVX2. */
    hash_init();
    aes_init();
    if (!curve_init(NULL)) {
        return PyErr_NoMemory();
    }
    if (Py_Version < 0x030c0000) {
        definition.slots = old_slots;
    }
    return PyModuleDef_Init(&definition);
}
