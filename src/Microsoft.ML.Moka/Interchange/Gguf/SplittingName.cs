using System.Globalization;
using Microsoft.ML.Moka.Checkpoints.Gguf;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Text.Tokenizers;
using Microsoft.ML.Moka.Text.Tokenizers.Expressions;

namespace Microsoft.ML.Moka.Interchange.Gguf;

/// <summary>
/// llama.cpp's name for how a tokenizer splits texts. Files say the same in many ways, so what is compared is what becomes of texts that hold every kind of
/// character beside every other.
/// </summary>
internal static class SplittingName
{
    private const int RandomProbes = 4000;

    // Letters of each case and of none, marks, numbers of each kind, punctuation, symbols, blanks, and what contractions are made of.
    private static readonly string[] Kinds =
    [
        "a", "B", "é", "ǅ", "ʰ", "中", "あ", "ก", "न", "ि", "\u0301", "1", "7", "٣", "½", "Ⅳ", ".", "'", "-", "_", "(", "\"", "/", "！", "。", "$", "+", "~", "`",
        "=", "€", "←", "😀", " ", "  ", "\t", "\n", "\r", "\u00a0", "\u3000", "\u200b", "s", "'s", "'LL", "'ve", "'m", "Re", "12345",
    ];

    private static readonly Lazy<string[]> Probes = new(MakeProbes);

    /// <exception cref="InvalidOperationException">llama.cpp has no name for it.</exception>
    public static string Of(TextTokenizerParts parts)
    {
        var composes = ComposesCharacters(parts.Normalizer);
        var probes = Probes.Value.Select(probe => Pieces(parts.PreTokenizer, probe)).ToArray();
        var nearest = GgufSplitting.Known
            .Where(known => known.Splitting.ComposesCharacters == composes && known.Splitting.IgnoresMerges == parts.Model.IgnoresMerges)
            .Select(known => (known.Name, Others: Others(probes, known.Splitting))).OrderBy(known => known.Others).ToArray();
        if (nearest.Length > 0 && nearest[0].Others == 0)
            return nearest[0].Name;
        var names = string.Join(", ", GgufSplitting.Known.Select(known => known.Name));
        if (nearest.Length == 0)
            throw ConfigMetadata.Refusal($"its tokenizer splits texts in a way for which llama.cpp has none of the names {names}");
        var share = (100.0 * nearest[0].Others / probes.Length).ToString("0.0", CultureInfo.InvariantCulture);
        throw ConfigMetadata.Refusal(
            $"its tokenizer splits texts in a way for which llama.cpp has none of the names {names}; the nearest, '{nearest[0].Name}', " +
            $"splits {share} % of odd texts otherwise: ask for it (PreTokenizer) if that will do");
    }

    private static int Others(List<string>[] probes, GgufSplitting splitting)
    {
        var named = new PreTokenizer.Chain([.. splitting.Expressions.Select(expression =>
            new PreTokenizer.Split(new Expression(expression), PreTokenizer.Behavior.Isolated))]);
        return probes.Index().Count(probe => !probe.Item.SequenceEqual(Pieces(named, Probes.Value[probe.Index])));
    }

    private static bool ComposesCharacters(TextNormalizer normalizer)
    {
        var composition = new TextNormalizer.Composition();
        if (Array.TrueForAll(Probes.Value, probe => normalizer.Normalize(probe) == probe))
            return false;
        return Array.TrueForAll(Probes.Value, probe => normalizer.Normalize(probe) == composition.Normalize(probe))
            ? true
            : throw ConfigMetadata.Refusal("its tokenizer normalizes texts, and llama.cpp's byte-level ones do not");
    }

    private static List<string> Pieces(PreTokenizer tokenizer, string text)
    {
        var pieces = new PieceList(text, isAtStart: true);
        tokenizer.Apply(pieces);
        return [.. pieces.Pieces.Select(piece => pieces.Text[piece.Start..piece.End])];
    }

    private static string[] MakeProbes()
    {
        var random = new SeededRandom(11);
        return
        [
            .. Kinds,
            .. Kinds.SelectMany(first => Kinds.Select(second => first + second)),
            .. Enumerable.Range(0, RandomProbes).Select(_ =>
                string.Concat(Enumerable.Range(0, 3 + random.NextInt32(10)).Select(_ => Kinds[random.NextInt32(Kinds.Length)]))),
        ];
    }
}
