namespace Microsoft.ML.Moka.Text.Jinja;

/// <summary>Puts a text together; it refuses to become longer than <see cref="Limits.TextLength"/>.</summary>
internal sealed class TracedTextBuilder
{
    private char[] _characters = new char[64];
    private ushort[] _origins = new ushort[64];
    private bool _isMixed;

    public int Length { get; private set; }

    public TracedTextBuilder Add(TracedText text)
    {
        if (text.Length == 0)
            return this;
        var start = Grow(text.Length);
        text.Value.CopyTo(_characters.AsSpan(start));
        var origins = _origins.AsSpan(start, text.Length);
        text.CopyOrigins(0, origins);
        _isMixed |= origins.ContainsAnyExcept(_origins[0]);
        return this;
    }

    public TracedTextBuilder Add(ReadOnlySpan<char> text, ushort origin = TracedText.OfTemplate)
    {
        if (text.Length == 0)
            return this;
        var start = Grow(text.Length);
        text.CopyTo(_characters.AsSpan(start));
        _origins.AsSpan(start, text.Length).Fill(origin);
        _isMixed |= _origins[0] != origin;
        return this;
    }

    public TracedTextBuilder Add(char character, ushort origin = TracedText.OfTemplate) => Add([character], origin);

    /// <summary>Adds a text several times.</summary>
    public TracedTextBuilder Repeat(TracedText text, long count)
    {
        Limits.CheckText(Length + text.Length * (double)Math.Max(count, 0));
        if (text.Length > 0)
        {
            for (; count > 0; count--)
                Add(text);
        }
        return this;
    }

    public TracedText ToText()
    {
        if (Length == 0)
            return TracedText.Empty;
        Limits.Make(Length);
        var value = new string(_characters, 0, Length);
        return _isMixed ? new TracedText(value, _origins[..Length]) : new TracedText(value, _origins[0]);
    }

    // Gives the place where the new characters begin.
    private int Grow(int more)
    {
        Limits.CheckText((double)Length + more);
        var start = Length;
        Length += more;
        if (Length > _characters.Length)
        {
            var size = Math.Max(Length, Math.Min(2 * _characters.Length, Limits.TextLength));
            Array.Resize(ref _characters, size);
            Array.Resize(ref _origins, size);
        }
        return start;
    }
}
