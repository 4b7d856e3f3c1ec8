namespace Microsoft.ML.Tokenizers;

/// <summary>A text after normalization and splitting.</summary>
internal readonly record struct TextPieces(string Text, string? NormalizedText, IEnumerable<(int Offset, int Length)> Ranges)
{
    public static TextPieces Of(Tokenizer tokenizer, string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        var original = text ?? textSpan.ToString();
        var normalized = settings.ConsiderNormalization && original.Length > 0 ? tokenizer.Normalizer?.Normalize(original) : null;
        var toEncode = normalized ?? original;
        IEnumerable<(int, int)> ranges = toEncode.Length == 0 ? []
            : settings.ConsiderPreTokenization && tokenizer.PreTokenizer is { } preTokenizer ? preTokenizer.PreTokenize(toEncode)
            : [(0, toEncode.Length)];
        return new TextPieces(toEncode, normalized, ranges);
    }
}
