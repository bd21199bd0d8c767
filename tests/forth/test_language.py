"""The language: what a text leaves on the stack and types, and what it throws."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vof.errors import Throw, ThrowCode
from vof.forth import CORE, Forth, Space
from vof.memory import GuestMemory

SIZE = 1 << 20
TRUE = 0xFFFFFFFF


class Place:
    """Where a Forth's data go and what it types: it can be pickled."""

    def __init__(self) -> None:
        self.typed = ""
        self.memory = GuestMemory(bytearray(SIZE))

    def space(self) -> Space:
        return Space(self.memory, 0x10000, 0x40000)

    def type(self, text: str) -> None:
        self.typed += text

    def __reduce__(self) -> tuple[object, ...]:
        return Place, ()


def forth(bits: int = 32) -> tuple[Forth, Place]:
    place = Place()
    return Forth(place.memory, place.space, bits=bits, write=place.type), place


def run(text: str, bits: int = 32) -> tuple[list[int], str]:
    made, place = forth(bits)
    made.evaluate(text)
    return made.stack, place.typed


CASES: list[tuple[str, list[int]]] = [
    # the stack
    ("1 dup", [1, 1]),
    ("1 2 drop", [1]),
    ("1 2 swap", [2, 1]),
    ("1 2 over", [1, 2, 1]),
    ("1 2 3 rot", [2, 3, 1]),
    ("1 2 3 -rot", [3, 1, 2]),
    ("1 2 nip", [2]),
    ("1 2 tuck", [2, 1, 2]),
    ("1 2 2dup", [1, 2, 1, 2]),
    ("1 2 3 4 2swap", [3, 4, 1, 2]),
    ("1 2 3 4 2over", [1, 2, 3, 4, 1, 2]),
    ("1 2 3 3dup", [1, 2, 3, 1, 2, 3]),
    ("5 6 7 2 pick", [5, 6, 7, 5]),
    ("5 6 7 2 roll", [6, 7, 5]),
    ("0 ?dup 1 ?dup", [0, 1, 1]),
    ("7 7 depth", [7, 7, 2]),
    ("1 2 clear", []),
    (": r >r >r r@ r> r> ; 1 2 r", [1, 1, 2]),
    (": r 2>r 2r> ; 1 2 r", [1, 2]),
    (": r >r begin r@ while r> 1- >r repeat r> ; 5 r", [0]),
    # arithmetic
    ("1 2 + 5 3 - 6 7 *", [3, 2, 42]),
    ("-1", [TRUE]),
    ("7fffffff 1+", [0x80000000]),
    ("d# 17 5 /mod", [2, 3]),
    ("-7 2 /mod", [1, 0xFFFFFFFC]),
    ("7 -2 /mod", [TRUE, 0xFFFFFFFC]),
    ("7 3 mod", [1]),
    ("ffffffff 2 um*", [0xFFFFFFFE, 1]),
    ("-1 2 m*", [0xFFFFFFFE, TRUE]),
    ("0 1 10 um/mod", [0, 0x10000000]),
    ("64 64 a */", [0x3E8]),
    ("-5 abs -5 negate", [5, 5]),
    ("1 -1 min 1 -1 max", [TRUE, 1]),
    ("80000000 2/ 80000000 u2/", [0xC0000000, 0x40000000]),
    ("1 4 lshift 80000000 1f rshift -1 1f >>a 1 20 <<", [16, 1, TRUE, 0]),
    ("f0 3c and f0 3c or f0 3c xor 0 invert", [0x30, 0xFC, 0xCC, TRUE]),
    ("ffffffff 0 1 0 d+", [0, 1]),
    ("0 1 1 0 d-", [TRUE, 0]),
    ("5 s>d -5 s>d", [5, 0, 0xFFFFFFFB, TRUE]),
    ("10 4 bounds", [0x14, 0x10]),
    # comparison
    ("1 2 < 2 1 < -1 1 <", [TRUE, 0, TRUE]),
    ("-1 1 u< 1 -1 u>", [0, 0]),
    ("3 3 = 3 4 <> 0 0= -1 0<", [TRUE, TRUE, TRUE, TRUE]),
    ("5 1 5 between 5 1 5 within 0 1 5 within", [TRUE, 0, 0]),
    ("1 2 <= 2 2 >= 0 0> 1 0<>", [TRUE, TRUE, 0, TRUE]),
    # memory and data
    ("variable v 5 v ! v @ 3 v +! v @", [5, 8]),
    ("variable v v on v @ v off v @", [TRUE, 0]),
    ("create b 12 c, 34 c, 5678 w, b c@ b 1+ c@ b 2+ w@ b l@", [0x12, 0x34, 0x5678, 0x12345678]),
    ("create b ff c, fe c, b <w@", [0xFFFFFFFE]),
    ("create b 10 allot b 4 ab fill b 3 + c@ b 4 + c@", [0xAB, 0]),
    ('" hello" drop dup 1+ 5 move here 0 allot here =', [TRUE]),
    ("2 value x x 3 to x x", [2, 3]),
    ("5 constant c c c +", [10]),
    ("1 2 2constant d d", [1, 2]),
    ("20 buffer: b b 4 + c@", [0]),
    (": array create cells allot does> swap cells + ; 4 array a 7 2 a ! 2 a @ 3 a @", [7, 0]),
    ("struct 4 field >a 2 field >b constant /s 100 >b /s", [0x104, 6]),
    ("defer d : one 1 ; ' one to d d ' d behavior execute", [1, 1]),
    ("/c /w /l /n 3 cells 3 /w*", [1, 2, 4, 4, 12, 6]),
    # byte order
    ("12 34 56 78 bljoin 1234 wbflip 12345678 lbflip", [0x78563412, 0x3412, 0x78563412]),
    ("12345678 lbsplit", [0x78, 0x56, 0x34, 0x12]),
    ("1234 5678 wljoin 12345678 lwsplit", [0x56781234, 0x5678, 0x1234]),
    # control
    ("1 if 2 else 3 then 0 if 4 else 5 then", [2, 5]),
    (": t 0 begin 1+ dup 5 = until ; t", [5]),
    (": t begin dup while 1- repeat ; 9 t", [0]),
    (": t 0 3 0 do i + loop ; t", [3]),
    (": t 0 0 ?do 1 loop 7 ; t", [7]),
    (": t a 0 do i 3 +loop ; t", [0, 3, 6, 9]),
    (": t 0 a do i -5 +loop ; t", [10, 5, 0]),
    (": t a 0 do i 4 = if i leave then loop ; t", [4]),
    (": t 3 0 do 2 0 do j i + loop loop ; t", [0, 1, 1, 2, 2, 3]),
    (": t 0 5 0 do begin i 3 = if leave then 1 until 1+ loop ; t", [3]),
    (": t a 0 do i dup 2 = if exit then drop loop ; t", [2]),
    (": t case 1 of 11 endof 2 of 22 endof dup 33 + swap endcase ; 1 t 2 t 9 t", [0x11, 0x22, 0x3C]),
    (": t begin dup 5 < while dup 3 <> while 1+ repeat 99 else 77 then ; 0 t 4 t", [3, 0x99, 5, 0x77]),
    (": fact dup 1 > if dup 1- recurse * then ; 5 fact", [120]),
    (": fact recursive dup 1 > if dup 1- fact * then ; 5 fact", [120]),
    ("3 0 do i loop", [0, 1, 2]),
    (": t 3 0 do 5 0 do i 2 = if i unloop i unloop exit then loop loop ; t", [2, 0]),
    (": t 3 0 do i 1 = if unloop exit then i loop 9 ; t", [0]),
    (": t dup 0> if 9 swap begin 1+ dup 3 > if exit then repeat ; -6 t 1 t", [TRUE - 5, 9, 4]),
    (": t >r 3 0 do r@ i = if unloop r> exit then loop r> drop 99 ; 1 t 7 t", [1, 0x99]),
    (": t 2 >r begin r@ 0> while r> 1- >r 5 repeat r> ; t", [5, 5, 0]),
    # the text
    ("1 >in @ 2 swap", [1, 2, 8]),
    ("5 >in +! 1 2 3 4", [4]),
    (">in 4 over +! 1 2 3 nip", [3]),
    (
        ': t >in @ swap s" 1 >in @" evaluate >in @ ; 7 t',
        [len(': t >in @ swap s" 1 >in @" evaluate >in @ ; 7 t'), 7, 1, 7, 47],
    ),
    (': t s" source" 2dup evaluate rot = -rot = ; t', [TRUE, TRUE]),
    ("source drop source drop =", [TRUE]),
    ("1 source nip >in ! 2 3", [1]),
    (': t s" b >in ! 1 2 3" evaluate ; t', [3]),
    ('s" drop" \' evaluate catch 2drop drop 1 >in @', [1, len('s" drop" \' evaluate catch 2drop drop 1 >in @')]),
    (
        "variable n create s 8 allot : keep save-input drop s 2! ; : back s 2@ 2 restore-input drop ; "
        "keep 1 n +! n @ 3 < [if] back [then] n @",
        [3],
    ),
    ("1 2 3 5 7 2 restore-input", [1, 2, 3, TRUE]),
    # exceptions
    (": bad 5 throw ; 1 ' bad catch", [1, 5]),
    (": fine 1 ; ' fine catch", [1, 0]),
    (": d drop ; ' d catch", [ThrowCode.STACK_UNDERFLOW & TRUE]),
    (": z 1 0 / ; ' z catch", [ThrowCode.DIVISION_BY_ZERO & TRUE]),
    (": m -4 @ ; ' m catch", [ThrowCode.INVALID_MEMORY_ADDRESS & TRUE]),
    (': a 1 abort" no" ; \' a catch', [ThrowCode.ABORT_QUOTE & TRUE]),
    # words as data
    (": sq dup * ; ' sq 5 swap execute", [25]),
    ('" dup" $find if 1 swap execute else 9 then', [1, 1]),
    ('" nothing" $find nip nip', [0]),
    ('" 1 2 +" evaluate', [3]),
    (": lit [ 2 3 * ] literal ; lit", [6]),
    (": x postpone dup ; immediate : y 5 [ x ] ; y", [5, 5]),
    (": y 1 [ 5 literal ] + ; y", [6]),
    (": t 1 [ 3 0 do i loop + + ] literal ; t", [1, 3]),
    (": t 1 [ : u 2 ; ] 3 ; t u", [1, 3, 2]),
    ("[ 1 ] 2", [1, 2]),
    (': t 1 [ " drop" \' evaluate catch nip nip ] literal ; t', [1, ThrowCode.STACK_UNDERFLOW & TRUE]),
    (": my-if postpone if ; immediate : t my-if 5 else 6 then ; 1 t 0 t", [5, 6]),
    (": plus compile + ; immediate : t 1 2 plus ; t", [3]),
    ("alias double 2* 4 double", [8]),
    (": one 1 ; : two one one + ; forget two one", [1]),
    (": x 1 ; : y x ; : x 2 ; : z x ; forget z x y forget x x", [2, 1, 1]),
    (": x 1 ; marker m : x 2 ; 5 constant y x m x", [2, 1]),
    ("here marker m 100 allot pad drop wordlist set-current m here = get-current forth-wordlist =", [TRUE, TRUE]),
    ("marker m marker n m : n 4 ; n", [4]),
    ("variable a pad 55 over c! forget a here 100 0 fill c@", [0x55]),
    # texts and numbers
    ('" abc" nip', [3]),
    ('"  a"(41 42)b" nip', [5]),
    ('" abc" " abd" drop swap comp', [TRUE]),
    ('" a,b" ascii , left-parse-string nip nip nip', [1]),
    ('" 1f" $number', [0x1F, 0]),
    ('" zz" $number', [TRUE]),
    ("h# 10 d# 10 o# 10", [16, 10, 8]),
    ("decimal 10 hex 10", [10, 16]),
    ("1,234.5", [0x12345]),
    ("0xf0", [0xF0]),
    ("ascii A control C char a", [65, 3, 97]),
    ('"   x" -trailing nip " x  " -trailing nip', [3, 1]),
    ("61 upc 41 lcc", [0x41, 0x61]),
    # locals
    (": t { a b ; c } a b - to c c c ; 5 3 t", [2, 2]),
    (": t { ; d } depth to d d ; 7 t", [7, 1]),
    # white space as clients send it
    (": x 1\r+ ;\r\n5 x\t\\ comment\r7", [6, 7]),
]


@pytest.mark.parametrize(("text", "stack"), CASES, ids=[text for text, _ in CASES])
def test_stack(text: str, stack: list[int]) -> None:
    assert run(text)[0] == stack


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("1f . -1 .", "1f -1 "),
        ("-1 u.", "ffffffff "),
        ("d# 10 .d a .h", "10 a "),
        ("5 4 .r", "   5"),
        ('." hi" cr', "hi\r\n"),
        (': t ." hi" ; t t', "hihi"),
        (".( now)", "now"),
        ("41 emit space 3 spaces", "A    "),
        ("11170 spaces", " " * 0x11170),
        ("1234 <# u# u# ascii . hold u#s u#> type", "12.34"),
        ("-5 dup abs <# u#s swap sign u#> type", "-5"),
        ("1 2 .s", "1 2 "),
        ("decimal -5 (.) type hex ff (u.) type", "-5ff"),
    ],
)
def test_output(text: str, typed: str) -> None:
    assert run(text)[1] == typed


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("1 2\nfoo", ThrowCode.UNDEFINED_WORD, "foo: undefined word (line 2)"),
        (": x foo ;", ThrowCode.UNDEFINED_WORD, "foo: undefined word in x (line 1)"),
        ("drop", ThrowCode.STACK_UNDERFLOW, "stack underflow (line 1, at drop)"),
        (": x if ;", ThrowCode.CONTROL_STRUCTURE_MISMATCH, "control structure"),
        (": x then ;", ThrowCode.CONTROL_STRUCTURE_MISMATCH, "an end without"),
        (": x begin then ;", ThrowCode.CONTROL_STRUCTURE_MISMATCH, "don't match"),
        (": x leave ;", ThrowCode.LOOP_PARAMETERS_UNAVAILABLE, "outside of a loop"),
        (": x r> ;", ThrowCode.RETURN_STACK_IMBALANCE, "return stack"),
        ("i", ThrowCode.COMPILE_ONLY, "only in a definition"),
        (":", ThrowCode.ZERO_LENGTH_NAME, "a name is wanted"),
        (f": {'x' * 40} ;", ThrowCode.NAME_TOO_LONG, "40 characters"),
        ("1000000 allot", ThrowCode.DICTIONARY_OVERFLOW, "more bytes"),
        (": x begin again ; x", ThrowCode.INTERRUPT, "too long"),
        (": x begin 1 again ; x", ThrowCode.STACK_OVERFLOW, "too much"),
        (": x recurse ; x", ThrowCode.RETURN_STACK_OVERFLOW, "too deep"),
        ("12345678 execute", ThrowCode.INVALID_NAME_ARGUMENT, "no execution token"),
        ("5 to dup", ThrowCode.INVALID_NAME_ARGUMENT, "can't be changed"),
        ("10 100000 ff fill", ThrowCode.INVALID_MEMORY_ADDRESS, ""),
        ("abort", ThrowCode.ABORT, "aborted"),
        ("defer d d", ThrowCode.UNSUPPORTED_OPERATION, "never set"),
    ],
)
def test_what_is_thrown(text: str, code: ThrowCode, words: str) -> None:
    made, _ = forth()
    with pytest.raises(Throw) as thrown:
        made.evaluate(text)
    assert thrown.value.code == code
    assert words in thrown.value.reason
    made.abort()
    made.evaluate("1 2 +")  # and it goes on as if nothing had been
    assert made.stack == [3]


def test_a_bracket_after_an_error_goes_on_with_no_lost_definition() -> None:
    made, _ = forth()
    for text in (": t 1 [ flub ] 2 ;", ": t 1 [ drop drop ] 2 ;", ": t [ : u flub ; ] ;"):
        with pytest.raises(Throw):
            made.evaluate(text)
        made.abort()
        made.evaluate("] 5")
        assert made.stack == [5] and not made.compiling
        made.abort()


def test_cells_of_64_bits() -> None:
    assert run("ffffffff 1+ -1 1 rshift 123456789abcdef0 variable v v ! v @", 64)[0] == [
        0x100000000,
        0x7FFFFFFFFFFFFFFF,
        0x123456789ABCDEF0,
    ]


def test_an_instances_own_data() -> None:
    made, _ = forth()
    made.evaluate("instance 5 value x instance variable y 7 y ! : get x y @ ; : set to x y ! ;")
    one: dict[int, int] = {}
    other: dict[int, int] = {}
    made.instance_store = one
    made.evaluate("1 2 set get")
    made.instance_store = other
    made.evaluate("get")
    assert made.stack == [2, 1, 5, 7]


def test_an_instances_memory_is_the_nexts() -> None:
    made, place = forth()
    made.evaluate("instance 8000 buffer: b : get b ; instance variable v 5 v ! : at v ;")
    addresses = set()
    for _ in range(100):
        store: dict[int, int] = {}
        made.instance_store = store
        made.evaluate("clear at @ 6 at ! get dup c@ 1 rot c!")
        assert made.stack == [5, 0]
        addresses.add(next(iter(store.values())))
        made.instance_store = None
        made.end_instance(store)
    assert len(addresses) == 1 and place.memory.size


def test_words_that_know_newer_ones_can_be_pickled() -> None:
    made, _ = forth()
    made.evaluate(" ".join(f"defer d{number}" for number in range(400)))
    for number in range(400):
        after = f"d{number + 1}" if number < 399 else "7"
        made.evaluate(f": w{number} {after} ; ' w{number} to d{number}")
    again: Forth = pickle.loads(pickle.dumps(made))
    again.evaluate("d300 ' d2 behavior ' w2 =")
    assert again.stack == [7, TRUE]


SESSIONS = [
    ("3 value v : t { a ; b } a v + to b b ;", "4 t 5 to v 4 t"),
    ("wordlist constant w get-order w swap 1+ set-order definitions : in-w 3 ; w", "in-w get-order nip nip"),
    ("vocabulary vv also vv definitions : x 5 ; previous definitions : x 6 ;", "x also vv x previous x"),
    (": m create , does> @ 1+ ; 5 m n : o n n ;", "n o 7 m k k"),
    (":noname 9 ; constant xt", "xt execute ' xt execute"),
    ("decimal 10 base @ 1+ base !", "10 base @"),
    (": x 1 ; marker m : x 2 ;", "x m x"),
    ("1 2 : half 3", "; half"),
    (": half 1 [ 2", "] literal ; half"),
    ("defer d : a 1 ; ' a to d", "d ' d behavior execute"),
    ("here 1 , 2 , pad 5 over c!", "pad c@ swap @"),
    (": later postpone if ; immediate : t later 1 else 2 then ;", "0 t 1 t"),
    ('s" abc"', "nip"),
    (">in drop 1", ">in @"),
]


@pytest.mark.parametrize(("before", "after"), SESSIONS)
def test_a_session_goes_on_in_a_copy(before: str, after: str) -> None:
    made, place = forth()
    made.evaluate(before)
    data = pickle.dumps(made)
    memory = place.memory.read(0, SIZE)
    made.evaluate(after)
    again: Forth = pickle.loads(data)
    again.memory.write(0, memory)
    again.evaluate(after)
    assert again.stack == made.stack


def test_a_pickled_forth_goes_on() -> None:
    made, _ = forth()
    made.evaluate("5 value x : sq dup * ; : t x sq 3 0 do i + loop ; defer d ' t to d variable v 9 v ! create c 1 , 1")
    again: Forth = pickle.loads(pickle.dumps(made))
    again.evaluate("d 6 to x t : more t t + ; more")
    made.evaluate("d 6 to x t : more t t + ; more")
    assert again.stack == made.stack == [1, 28, 39, 78]


def test_every_word_says_what_it_is() -> None:
    for word in CORE.words.values():
        assert word.effect.startswith("(") and " -- " in f"{word.effect} ".replace("( --", "( --"), word.name
        assert word.clause


NAMES = [name for name in CORE.words if name not in ("ms", "key")]
TOKENS = st.one_of(
    st.sampled_from(NAMES),
    st.sampled_from(["if", "then", "else", "begin", "until", "do", "loop", "+loop", ":", ";", "x", "x", "r>", ">r"]),
    st.integers(-10, 40).map(lambda number: f"{number:x}"),
)


@given(st.lists(TOKENS, max_size=40))
@settings(max_examples=400, deadline=None)
def test_any_text_ends_or_throws(tokens: list[str]) -> None:
    made, _ = forth()
    made.evaluate(": x 1 2 ;")
    try:
        made.evaluate(" ".join(tokens))
    except Throw:
        made.abort()
    made.evaluate("clear 1 2")


@given(st.text(max_size=80))
@settings(max_examples=200, deadline=None)
def test_any_characters(text: str) -> None:
    made, _ = forth()
    try:
        made.evaluate(text)
    except Throw:
        made.abort()
