using System.Globalization;
using System.Text;

namespace Microsoft.ML.Moka.Text.Tokenizers.Expressions;

/// <summary>
/// Reads an expression as Oniguruma reads Ruby's syntax, which is what <c>tokenizer.json</c> means: <c>x{1,3}+</c> repeats a repetition, <c>^</c> and <c>$</c>
/// are the ends of lines, <c>\h</c> is a hexadecimal digit. What it does not know is an error; so is a group that is referred to.
/// </summary>
internal sealed class ExpressionParser
{
    private const int DeepestNesting = 50;
    private const int LargestCount = 1000;

    private readonly string _pattern;
    private int _at;
    private int _depth;
    private bool _ignoresCase;
    private bool _dotTakesLineBreaks;

    private ExpressionParser(string pattern) => _pattern = pattern;

    /// <exception cref="FormatException">Something in it is wrong, or not known.</exception>
    public static ExpressionNode Parse(string pattern)
    {
        var parser = new ExpressionParser(pattern);
        var node = parser.Alternatives();
        return parser.IsAtEnd ? node : throw parser.Wrong("a ')' has no partner");
    }

    private bool IsAtEnd => _at == _pattern.Length;

    private char Next => _at < _pattern.Length ? _pattern[_at] : '\0';

    private ExpressionNode Alternatives()
    {
        if (++_depth > DeepestNesting)
            throw Wrong($"groups are nested deeper than {DeepestNesting}");
        List<ExpressionNode> items = [Sequence()];
        while (Take('|'))
            items.Add(Sequence());
        _depth--;
        return items.Count == 1 ? items[0] : new EitherOf(items);
    }

    private ExpressionNode Sequence()
    {
        var items = new List<ExpressionNode>();
        while (!IsAtEnd && Next is not ('|' or ')'))
            items.Add(Quantified());
        return items.Count == 1 ? items[0] : new InOrder(items);
    }

    private ExpressionNode Quantified()
    {
        var node = Single();
        while (true)
        {
            var isInterval = Next == '{';
            if (!TryCounts(out var least, out var most))
                return node;
            if (most == int.MaxValue && node.LeastLength == 0)
                throw Wrong("what can be empty is repeated without end");
            var isLazy = !(isInterval && least == most) && Take('?');
            if (isInterval && least == most && Next == '?')
                throw Wrong("'{n}?' is not known");
            node = new Repeated(node, least, most, isLazy);
            if (!isLazy && !isInterval && Take('+'))
                node = new Atomic(node);
        }
    }

    private bool TryCounts(out int least, out int most)
    {
        (least, most) = Next switch { '*' => (0, int.MaxValue), '+' => (1, int.MaxValue), '?' => (0, 1), _ => (-1, -1) };
        if (least >= 0)
        {
            _at++;
            return true;
        }
        // A brace that is no interval is a brace.
        var end = Next == '{' ? _pattern.IndexOf('}', _at) : -1;
        if (end < 0)
            return false;
        var inside = _pattern.AsSpan(_at + 1, end - _at - 1);
        var comma = inside.IndexOf(',');
        if (!TryCount(comma < 0 ? inside : inside[..comma], 0, out least) || !TryCount(comma < 0 ? inside : inside[(comma + 1)..], int.MaxValue, out most)
            || inside is "" or ",")
        {
            return false;
        }
        if (most < least || least > LargestCount || (most > LargestCount && most != int.MaxValue))
            throw Wrong($"the counts of '{{{inside}}}' are not in order, or beyond {LargestCount}");
        _at = end + 1;
        return true;
    }

    private static bool TryCount(ReadOnlySpan<char> text, int missing, out int count)
    {
        count = missing;
        return text.IsEmpty || int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out count);
    }

    private ExpressionNode Single()
    {
        switch (Next)
        {
            case '(':
                _at++;
                return Group();
            case '[':
                _at++;
                return new OneOf(Class());
            case '.':
                _at++;
                return new OneOf(_dotTakesLineBreaks ? NamedSets.Find("any")! : CodePointSet.Of('\n').Complement());
            case '^':
                _at++;
                return new Place(PlaceKind.LineStart);
            case '$':
                _at++;
                return new Place(PlaceKind.LineEnd);
            case '\\':
                return Escape();
            case '*' or '+' or '?':
                throw Wrong($"'{Next}' has nothing to repeat");
            default:
                return Literal(CodePoint());
        }
    }

    private ExpressionNode Group()
    {
        var (ignoresCase, dotTakesLineBreaks) = (_ignoresCase, _dotTakesLineBreaks);
        Func<ExpressionNode, ExpressionNode> wrap = node => node;
        if (Take('?'))
        {
            if (Take(':'))
            {
                // A group that only groups.
            }
            else if (Take('='))
                wrap = node => new Look(node, IsBehind: false, IsNegated: false);
            else if (Take('!'))
                wrap = node => new Look(node, IsBehind: false, IsNegated: true);
            else if (Take('>'))
                wrap = node => new Atomic(node);
            else if (Next == '<' && _at + 1 < _pattern.Length && _pattern[_at + 1] is '=' or '!')
            {
                var isNegated = _pattern[_at + 1] == '!';
                _at += 2;
                wrap = node => node.FixedLength is null
                    ? throw Wrong("what is looked for behind has no fixed length")
                    : new Look(node, IsBehind: true, isNegated);
            }
            else
            {
                Options();
                // "a(?i)b|c" is "a(?i:b|c)".
                if (Take(')'))
                {
                    var rest = Alternatives();
                    (_ignoresCase, _dotTakesLineBreaks) = (ignoresCase, dotTakesLineBreaks);
                    return rest;
                }
                if (!Take(':'))
                    throw Wrong("the options of a group end with neither ':' nor ')'");
            }
        }
        var inside = Alternatives();
        if (!Take(')'))
            throw Wrong("a '(' has no partner");
        (_ignoresCase, _dotTakesLineBreaks) = (ignoresCase, dotTakesLineBreaks);
        return wrap(inside);
    }

    private void Options()
    {
        var isOn = true;
        for (; Next is not (')' or ':'); _at++)
        {
            switch (Next)
            {
                case '-': isOn = false; break;
                case 'i': _ignoresCase = isOn; break;
                case 'm': _dotTakesLineBreaks = isOn; break;
                default: throw Wrong("the kind of group is not known");
            }
        }
    }

    private ExpressionNode Escape()
    {
        PlaceKind? place = _at + 1 >= _pattern.Length ? null : _pattern[_at + 1] switch
        {
            'A' => PlaceKind.TextStart,
            'z' => PlaceKind.TextEnd,
            'Z' => PlaceKind.TextEndOrLastLineBreak,
            'b' => PlaceKind.WordEdge,
            'B' => PlaceKind.NoWordEdge,
            _ => null,
        };
        if (place is { } kind)
        {
            _at += 2;
            return new Place(kind);
        }
        return EscapedSet(NamedSets.LoneWord) is { } set ? new OneOf(set) : Literal(EscapedCharacter());
    }

    private OneOf Literal(int code) => new(Cased(CodePointSet.Of(code)));

    private CodePointSet Cased(CodePointSet set) => _ignoresCase ? set.IgnoringCase() : set;

    /// <summary>A class after its '[': ranges, sets, classes within it, and "&amp;&amp;".</summary>
    private CodePointSet Class()
    {
        if (++_depth > DeepestNesting)
            throw Wrong($"classes are nested deeper than {DeepestNesting}");
        var isNegated = Take('^');
        CodePointSet? intersection = null;
        var parts = new List<CodePointSet>();
        for (var isFirst = true; isFirst || Next != ']'; isFirst = false)
        {
            if (IsAtEnd)
                throw Wrong("a '[' has no partner");
            if (_pattern.AsSpan(_at).StartsWith("[:"))
                throw Wrong("'[:name:]' is not known; use \\p{…}");
            if (Take('['))
                parts.Add(Class());
            else if (_pattern.AsSpan(_at).StartsWith("&&"))
            {
                _at += 2;
                intersection = Both(intersection, CodePointSet.Union(parts));
                parts.Clear();
            }
            else if (Next == '\\' && EscapedSet(NamedSets.Word) is { } set)
                parts.Add(set);
            else
                parts.Add(Cased(RangeOrOne()));
        }
        _at++;
        _depth--;
        var all = Both(intersection, CodePointSet.Union(parts));
        return isNegated ? all.Complement() : all;

        static CodePointSet Both(CodePointSet? one, CodePointSet other) => one is null ? other : one.Intersect(other);
    }

    private CodePointSet RangeOrOne()
    {
        var first = ClassCharacter();
        var hasRange = Next == '-' && _at + 1 < _pattern.Length && _pattern[_at + 1] is not (']' or '[') && !IsSetEscape(_at + 1);
        if (!hasRange)
            return CodePointSet.Of(first);
        _at++;
        var last = ClassCharacter();
        return last >= first ? CodePointSet.Range(first, last) : throw Wrong("a range of a class ends before it begins");
    }

    private int ClassCharacter()
    {
        if (Next != '\\')
            return CodePoint();
        if (_at + 1 < _pattern.Length && _pattern[_at + 1] == 'b')
        {
            _at += 2;
            return '\b';
        }
        return EscapedCharacter();
    }

    private bool IsSetEscape(int at) => _pattern[at] == '\\' && at + 1 < _pattern.Length
        && _pattern[at + 1] is 's' or 'S' or 'd' or 'D' or 'w' or 'W' or 'h' or 'H' or 'p' or 'P';

    /// <summary>A set that a backslash names, such as <c>\s</c>; null, and nothing taken, where it names a character.</summary>
    private CodePointSet? EscapedSet(CodePointSet word)
    {
        if (!IsSetEscape(_at))
            return null;
        var letter = _pattern[_at + 1];
        _at += 2;
        var set = char.ToLowerInvariant(letter) switch
        {
            's' => NamedSets.Space,
            'd' => NamedSets.Digit,
            'w' => word,
            'h' => NamedSets.HexDigit,
            _ => Property(),
        };
        return char.IsUpper(letter) ? set.Complement() : set;
    }

    private CodePointSet Property()
    {
        var end = Next == '{' ? _pattern.IndexOf('}', _at) : -1;
        if (end < 0)
            throw Wrong("'\\p' needs a name in braces");
        var name = _pattern[(_at + 1)..end];
        var set = NamedSets.Find(name.TrimStart('^')) ?? throw Wrong($"the property '\\p{{{name}}}' is not known");
        _at = end + 1;
        return name.StartsWith('^') ? set.Complement() : set;
    }

    private int EscapedCharacter()
    {
        _at++;
        if (IsAtEnd)
            throw Wrong("a backslash stands at the end");
        var code = CodePoint();
        switch (code)
        {
            case 'n': return '\n';
            case 'r': return '\r';
            case 't': return '\t';
            case 'f': return '\f';
            case 'v': return '\v';
            case 'a': return '\a';
            case 'e': return '\x1B';
            case 'u': return Hexadecimal(4);
            case 'x' when Take('{'):
                var close = _pattern.IndexOf('}', _at);
                var braced = close < 0 ? throw Wrong("'\\x{' has no '}'") : Hexadecimal(close - _at);
                _at++;
                return braced;
            case 'x': return Hexadecimal(2);
            case < 128 when char.IsAsciiLetterOrDigit((char)code): throw Wrong($"'\\{(char)code}' is not known");
            default: return code;
        }
    }

    private int Hexadecimal(int digits)
    {
        var code = 0;
        var isNumber = digits is > 0 and <= 8 && _at + digits <= _pattern.Length
            && int.TryParse(_pattern.AsSpan(_at, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out code) && Rune.IsValid(code);
        _at += digits;
        return isNumber ? code : throw Wrong("a character's number is not one");
    }

    private int CodePoint()
    {
        Rune.DecodeFromUtf16(_pattern.AsSpan(_at), out var rune, out var length);
        _at += length;
        return rune.Value;
    }

    private bool Take(char expected)
    {
        if (IsAtEnd || Next != expected)
            return false;
        _at++;
        return true;
    }

    private FormatException Wrong(string what) => new($"at character {Math.Min(_at, _pattern.Length) + 1}: {what}");
}
