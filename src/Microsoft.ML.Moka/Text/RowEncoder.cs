namespace Microsoft.ML.Moka.Text;

/// <summary>A row to train on.</summary>
/// <param name="Ids">The prompt and the answer.</param>
/// <param name="AnswerStart">The place of the answer's first token; never 0.</param>
/// <param name="PromptIsCut">Whether the prompt was too long, so that its beginning is missing.</param>
internal sealed record TrainingRow(int[] Ids, int AnswerStart, bool PromptIsCut);

/// <summary>A row to score.</summary>
/// <param name="Prompt">What all answers share; never empty.</param>
/// <param name="Answers">The tokens of each answer; never empty.</param>
/// <param name="PromptIsCut">Whether the prompt was too long, so that its beginning is missing.</param>
internal sealed record ScoringRow(int[] Prompt, int[][] Answers, bool PromptIsCut);

/// <summary>
/// Turns rows into ids. Prompt and answer are always encoded as one text, for tokens can merge across the border; the prompt ends
/// where the text with the answer and the text without it begin to differ. The end of the sequence belongs to the answers where one begins
/// another ("good", "good enough"), which would else always be the likelier; elsewhere it says nothing about which one is right.
/// </summary>
internal sealed class RowEncoder
{
    private readonly BackboneTokenizer _tokenizer;
    private readonly PromptTemplate _template;
    private readonly int _maxTokens;

    /// <param name="tokenizer">The backbone's tokenizer.</param>
    /// <param name="template">Makes the texts.</param>
    /// <param name="maxTokens">The most tokens that a sequence may have, all counted. A longer prompt loses its beginning: the question stands at its end.</param>
    public RowEncoder(BackboneTokenizer tokenizer, PromptTemplate template, int maxTokens)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxTokens, 3);
        _tokenizer = tokenizer;
        _template = template;
        _maxTokens = maxTokens;
    }

    public TrainingRow ForTraining(PromptRow row, string answer)
    {
        var (prompt, answers, isCut) = Encode(row, [answer], OneBeginsAnother(row.Candidates));
        return new TrainingRow([.. prompt, .. answers[0]], prompt.Length, isCut);
    }

    public ScoringRow ForScoring(PromptRow row, IReadOnlyList<string> answers) => Encode(row, answers, OneBeginsAnother(answers));

    private ScoringRow Encode(PromptRow row, IReadOnlyList<string> answers, bool withEnd)
    {
        ArgumentOutOfRangeException.ThrowIfZero(answers.Count);
        var text = _template.Render(row);
        var prompt = Encode(text);
        var wholes = new int[answers.Count][];
        var shared = prompt.Length;
        for (var i = 0; i < wholes.Length; i++)
        {
            if (string.IsNullOrEmpty(answers[i]))
                throw new ArgumentException($"Answer {i + 1} of {answers.Count} is empty; a language model cannot choose nothing. Give every label a word.", nameof(answers));
            wholes[i] = Encode(text + _template.Answer(answers[i]));
            // An answer has at least one token, even where it only changes how the prompt's end is merged.
            shared = Math.Min(shared, Math.Min(wholes[i].Length - 1, prompt.AsSpan().CommonPrefixLength(wholes[i])));
        }
        var (kept, isCut) = Cut(prompt.AsSpan(0, shared), longestAnswer: wholes.Max(whole => whole.Length) - shared, answers);
        return new ScoringRow(kept, [.. wholes.Select(whole => withEnd ? [.. whole[shared..], _tokenizer.EndOfSequence] : whole[shared..])], isCut);
    }

    // In ordinal order a word that begins others stands right before one of them.
    private static bool OneBeginsAnother(IReadOnlyList<string> words)
    {
        var sorted = words.Order(StringComparer.Ordinal).ToList();
        return sorted.Zip(sorted.Skip(1)).Any(pair => pair.Second.StartsWith(pair.First, StringComparison.Ordinal));
    }

    private int[] Encode(string text) => _tokenizer.Encode(text, _tokenizer.StartsWithBeginOfSequence);

    // Keeps the begin-of-sequence token and the end of the prompt; one place is for the end of the sequence.
    private (int[] Prompt, bool IsCut) Cut(ReadOnlySpan<int> prompt, int longestAnswer, IReadOnlyList<string> answers)
    {
        var room = _maxTokens - longestAnswer - 1;
        if (room < 1)
            throw new ArgumentException($"An answer out of '{string.Join("', '", answers)}' takes {longestAnswer} tokens, and a sequence may have {_maxTokens}: no room is left for the prompt. Raise the maximum length or choose shorter words.", nameof(answers));
        // The first token of an answer has to be predicted from something: without a prompt, from what stands between texts.
        if (prompt.IsEmpty)
            return ([_tokenizer.BeginOfSequence ?? _tokenizer.EndOfSequence], false);
        if (prompt.Length <= room)
            return (prompt.ToArray(), false);
        return (_tokenizer.StartsWithBeginOfSequence ? [prompt[0], .. prompt[^(room - 1)..]] : prompt[^room..].ToArray(), true);
    }
}
