using System.Text;

namespace Microsoft.ML.Tokenizers;

/// <summary>Writes spaces as U+2581 and puts one before the text.</summary>
public sealed class SentencePieceNormalizer : Normalizer
{
    internal const char Space = '\u2581';

    public SentencePieceNormalizer(bool removeExtraWhiteSpaces, bool addDummyPrefix, bool escapeWhiteSpaces, bool treatWhitespaceAsSuffix, IReadOnlyDictionary<string, int>? specialTokens)
    {
        if (specialTokens is { Count: > 0 })
            throw new NotSupportedException("The offline stand-in of Microsoft.ML.Tokenizers knows no special tokens of SentencePiece.");
        RemoveExtraWhiteSpaces = removeExtraWhiteSpaces;
        AddDummyPrefix = addDummyPrefix;
        EscapeWhiteSpaces = escapeWhiteSpaces;
        TreatWhitespaceAsSuffix = treatWhitespaceAsSuffix;
        SpecialTokens = specialTokens;
    }

    public bool RemoveExtraWhiteSpaces { get; }

    public bool AddDummyPrefix { get; }

    public bool EscapeWhiteSpaces { get; }

    public bool TreatWhitespaceAsSuffix { get; }

    public IReadOnlyDictionary<string, int>? SpecialTokens { get; }

    public override string Normalize(string original) => string.IsNullOrEmpty(original) ? "" : Normalize(original.AsSpan());

    public override string Normalize(ReadOnlySpan<char> original)
    {
        if (RemoveExtraWhiteSpaces)
        {
            original = original.Trim(' ');
            // The genuine one takes a text of one character for an empty one here.
            if (original.Length == 1)
                return "";
        }
        var space = EscapeWhiteSpaces ? Space : ' ';
        var text = new StringBuilder(original.Length + 1);
        if (AddDummyPrefix && !TreatWhitespaceAsSuffix)
            text.Append(space);
        for (var i = 0; i < original.Length; i++)
        {
            if (original[i] != ' ')
                text.Append(original[i]);
            else if (!RemoveExtraWhiteSpaces || original[i - 1] != ' ')
                text.Append(space);
        }
        if (AddDummyPrefix && TreatWhitespaceAsSuffix)
            text.Append(space);
        return text.ToString();
    }
}
