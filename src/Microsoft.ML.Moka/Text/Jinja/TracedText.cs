namespace Microsoft.ML.Moka.Text.Jinja;

/// <summary>
/// A text of which it is known for each character who wrote it: the template (origin 0), or somebody whose words the template puts in. Every operation on
/// texts keeps that, so that the name of a control token is one only where the template wrote it.
/// </summary>
internal sealed class TracedText
{
    /// <summary>Written by the template.</summary>
    public const ushort OfTemplate = 0;

    private readonly ushort _origin;
    private readonly ushort[]? _origins;
    private int _characterCount = -1;

    public TracedText(string value, ushort origin = OfTemplate) => (Value, _origin) = (value, origin);

    public TracedText(string value, ushort[] origins) => (Value, _origins) = (value, origins);

    public static TracedText Empty { get; } = new("");

    public string Value { get; }

    /// <summary>Whether it came out of <c>safe</c> or <c>escape</c>: what is added to it is escaped.</summary>
    public bool IsMarkup { get; private init; }

    /// <summary>How many UTF-16 units.</summary>
    public int Length => Value.Length;

    /// <summary>How many characters in Python's sense.</summary>
    public int CharacterCount =>
        _characterCount >= 0 ? _characterCount : _characterCount = HasPairs ? Value.Length - Value.Count(char.IsLowSurrogate) : Value.Length;

    private bool HasPairs => Value.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF');

    public static implicit operator TracedText(string value) => new(value);

    public ushort OriginAt(int index) => _origins is null ? _origin : _origins[index];

    /// <summary>The origins of a part, to be copied into another text.</summary>
    public void CopyOrigins(int start, Span<ushort> to)
    {
        if (_origins is null)
            to.Fill(_origin);
        else
            _origins.AsSpan(start, to.Length).CopyTo(to);
    }

    public TracedText AsMarkup() => _origins is null ? new TracedText(Value, _origin) { IsMarkup = true } : new TracedText(Value, _origins) { IsMarkup = true };

    /// <summary>A part, counted in UTF-16 units.</summary>
    public TracedText Part(int start, int length)
    {
        if (length == Value.Length)
            return this;
        Limits.Make(length);
        var part = Value.Substring(start, length);
        return _origins is null ? new TracedText(part, _origin) { IsMarkup = IsMarkup }
            : new TracedText(part, _origins[start..(start + length)]) { IsMarkup = IsMarkup };
    }

    public TracedText From(int start) => Part(start, Value.Length - start);

    /// <summary>Where characters begin, in UTF-16 units, and the end of the text.</summary>
    public int[] CharacterStarts()
    {
        var starts = new List<int>(Value.Length + 1);
        for (var i = 0; i < Value.Length; i += char.IsSurrogatePair(Value, i) ? 2 : 1)
        {
            starts.Add(i);
            if (i == Value.Length - 1)
                break;
        }
        starts.Add(Value.Length);
        return [.. starts];
    }

    /// <summary>A place that is counted in characters, in UTF-16 units.</summary>
    public int UnitOf(int character)
    {
        if (!HasPairs)
            return character;
        var unit = 0;
        for (; character > 0 && unit < Value.Length; character--)
            unit += SizeAt(unit);
        return unit;
    }

    /// <summary>A place that is counted in UTF-16 units, in characters.</summary>
    public int CharacterOf(int unit) => HasPairs ? unit - Value.Take(unit).Count(char.IsLowSurrogate) : unit;

    /// <summary>How many UTF-16 units the character at a place has.</summary>
    public int SizeAt(int unit) => unit + 1 < Value.Length && char.IsSurrogatePair(Value[unit], Value[unit + 1]) ? 2 : 1;

    /// <summary>The characters, each as a text.</summary>
    public IEnumerable<TracedText> Characters()
    {
        for (var i = 0; i < Value.Length; i += SizeAt(i))
            yield return Part(i, SizeAt(i));
    }

    /// <summary>Each character replaced by what <paramref name="map"/> makes of it; the origin stays.</summary>
    /// <param name="map">Gets the text and the place in it.</param>
    public TracedText Map(Func<string, int, string> map)
    {
        var result = new TracedTextBuilder();
        for (var i = 0; i < Value.Length; i += SizeAt(i))
            result.Add(map(Value, i), OriginAt(i));
        return result.ToText();
    }

    /// <summary>The same places with other characters, who wrote them is kept.</summary>
    public TracedText With(string value) => _origins is null ? new TracedText(value, _origin) : new TracedText(value, _origins);

    /// <summary>Equal in what is written, whoever wrote it.</summary>
    public override bool Equals(object? obj) => obj is TracedText other && other.Value == Value;

    public override int GetHashCode() => Value.GetHashCode(StringComparison.Ordinal);

    public override string ToString() => Value;
}
