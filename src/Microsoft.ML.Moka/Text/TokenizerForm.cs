namespace Microsoft.ML.Moka.Text;

/// <summary>
/// A tokenizer as one kind of file stores it. The kinds differ in how a text is split and merged; what surrounds that
/// (special tokens in a text, the begin-of-sequence token) is the same for all and done by <see cref="BackboneTokenizer"/>.
/// </summary>
internal abstract class TokenizerForm
{
    /// <summary>The kind, for people.</summary>
    public abstract string Kind { get; }

    /// <summary>The ids are below this number.</summary>
    public abstract int VocabularySize { get; }

    /// <summary>Tokens that are recognised when a text contains their name.</summary>
    public abstract IReadOnlyDictionary<string, int> SpecialTokens { get; }

    /// <summary>The begin-of-sequence token that the file itself names; null where it names none.</summary>
    public abstract int? BeginOfSequence { get; }

    /// <summary>The end-of-sequence token that the file itself names; null where it names none.</summary>
    public abstract int? EndOfSequence { get; }

    /// <summary>Whether the file says that a sequence starts with the begin-of-sequence token.</summary>
    public abstract bool StartsWithBeginOfSequence { get; }

    /// <summary>The id of a token by its name in the file, special or not.</summary>
    public abstract bool TryGetId(string token, out int id);

    /// <summary>Adds the ids of a text in which there is no special token.</summary>
    public abstract void Encode(ReadOnlySpan<char> text, List<int> ids);

    /// <summary>The text of ids none of which is special.</summary>
    public abstract string Decode(IEnumerable<int> ids);

    /// <summary>The bytes in UTF-8 of a token that is not special; none for an id that stands for nothing.</summary>
    public abstract ReadOnlySpan<byte> BytesOf(int id);
}
