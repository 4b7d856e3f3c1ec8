namespace Microsoft.ML.Moka.Text;

/// <summary>A row to train on.</summary>
/// <param name="Ids">The prompt and the answer.</param>
/// <param name="AnswerStart">The place of the answer's first token; never 0.</param>
/// <param name="PromptIsCut">Whether the prompt was too long, so that its beginning is missing.</param>
/// <param name="AnswerIsCut">Whether the answer was too long, so that its end is missing.</param>
internal sealed record TrainingRow(int[] Ids, int AnswerStart, bool PromptIsCut, bool AnswerIsCut = false);

/// <summary>A row to score.</summary>
/// <param name="Prompt">What all answers share; never empty.</param>
/// <param name="Answers">The tokens of each answer; never empty.</param>
/// <param name="PromptIsCut">Whether prompt and answer were too long, so that the prompt's beginning is missing, or a continuation's end.</param>
internal sealed record ScoringRow(int[] Prompt, int[][] Answers, bool PromptIsCut);

/// <summary>
/// Turns rows into ids. Prompt and answer are always encoded as one text, for tokens can merge across the border; the prompt ends
/// with its last token that has nothing of an answer. The end of the sequence belongs to the answers where one begins
/// another ("good", "good enough"), which would else always be the likelier; elsewhere it says nothing about which one is right.
/// </summary>
internal sealed class RowEncoder
{
    // A token has some four characters of a text; a prompt that is longer than that many for each token that it may have has more than it needs.
    private const int CharactersPerToken = 32;

    private readonly BackboneTokenizer _tokenizer;
    private readonly PromptTemplate _template;
    private readonly int _maxTokens;

    /// <param name="tokenizer">The backbone's tokenizer.</param>
    /// <param name="template">Makes the texts.</param>
    /// <param name="maxTokens">
    /// The most tokens that a sequence may have, all counted. A longer prompt loses its beginning: the question stands at its end.
    /// </param>
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

    /// <summary>
    /// Texts that may follow the prompt and go on as they like: none has the end of the sequence, and one that is longer than a sequence may be counts by its
    /// beginning.
    /// </summary>
    public ScoringRow ForContinuing(PromptRow row, IReadOnlyList<string> texts) => Encode(row, texts, withEnd: false, longest: _maxTokens - 2);

    /// <summary>
    /// An answer that is to be written: it ends with the end of the sequence, so that the model learns where to stop. An answer that is too long loses its end,
    /// and a prompt its beginning where it has more than half of the tokens.
    /// </summary>
    public TrainingRow ForWriting(PromptRow row, string answer) => ForWriting(row, answer, NeededFrom(_template.Mark(row)));

    /// <summary>The prompt alone, cut so that <paramref name="newTokens"/> can follow it; half of the tokens are its own in any case.</summary>
    public (int[] Prompt, bool IsCut) ForGeneration(PromptRow row, int newTokens) =>
        Cut(EncodeNeeded(row), Math.Max(_maxTokens - newTokens, _maxTokens / 2));

    /// <summary>The prompt alone, for a head that reads it.</summary>
    public (int[] Prompt, bool IsCut) ForReading(PromptRow row) => Cut(EncodeNeeded(row), _maxTokens);

    private TrainingRow ForWriting(PromptRow row, string answer, int from)
    {
        var prompt = Encode(_template.Mark(row), from);
        int[] whole = [.. Encode(_template.Mark(row, answer), from), _tokenizer.EndOfSequence];
        var shared = prompt.AsSpan().CommonPrefixLength(whole);
        if (from > 0 && shared <= _maxTokens)
            return ForWriting(row, answer, from: 0);
        var answerLength = Math.Min(whole.Length - shared, Math.Max(_maxTokens - Math.Max(shared, 1), _maxTokens / 2));
        var (kept, isCut) = Cut(prompt.AsSpan(0, shared), _maxTokens - answerLength);
        return new TrainingRow([.. kept, .. whole.AsSpan(shared, answerLength)], kept.Length, isCut, AnswerIsCut: answerLength < whole.Length - shared);
    }

    private ScoringRow Encode(PromptRow row, IReadOnlyList<string> answers, bool withEnd, int longest = int.MaxValue) =>
        Encode(row, answers, withEnd, longest, NeededFrom(_template.Mark(row)));

    private ScoringRow Encode(PromptRow row, IReadOnlyList<string> answers, bool withEnd, int longest, int from)
    {
        ArgumentOutOfRangeException.ThrowIfZero(answers.Count);
        var prompt = Encode(_template.Mark(row), from);
        var wholes = new int[answers.Count][];
        var shared = prompt.Length;
        for (var i = 0; i < wholes.Length; i++)
        {
            if (string.IsNullOrEmpty(answers[i]))
                throw new ArgumentException(
                    $"Answer {i + 1} of {answers.Count} is empty; a language model cannot choose nothing. Give every label a word.", nameof(answers));
            wholes[i] = Encode(_template.Mark(row, answers[i]), from);
            // An answer has at least one token, even where it only changes how the prompt's end is merged.
            shared = Math.Min(shared, Math.Min(wholes[i].Length - 1, prompt.AsSpan().CommonPrefixLength(wholes[i])));
        }
        if (from > 0 && shared <= _maxTokens)
            return Encode(row, answers, withEnd, longest, from: 0);
        shared = WithRecutEnd(prompt, wholes, shared);
        // One place is for the end of the sequence.
        var wanted = wholes.Max(whole => whole.Length) - shared;
        var longestAnswer = Math.Min(wanted, longest);
        var room = _maxTokens - longestAnswer - 1;
        if (room < 1)
            throw new ArgumentException(
                $"An answer out of '{string.Join("', '", answers)}' takes {longestAnswer} tokens, and a sequence may have {_maxTokens}: no room is " +
                $"left for the prompt. Raise the maximum length or choose shorter words.", nameof(answers));
        var (kept, isCut) = Cut(wholes[0].AsSpan(0, shared), room);
        return new ScoringRow(kept, [.. wholes.Select(Answer)], isCut || longestAnswer < wanted);

        int[] Answer(int[] whole)
        {
            var answer = whole[shared..Math.Min(whole.Length, shared + longestAnswer)];
            return withEnd ? [.. answer, _tokenizer.EndOfSequence] : answer;
        }
    }

    // Before an answer the prompt's end may be cut otherwise (sixteen blanks into fifteen and one that begins a word): tokens of the prompt's text alone are
    // the prompt's still, and what they cost says nothing of an answer.
    private int WithRecutEnd(int[] prompt, int[][] wholes, int shared)
    {
        var left = prompt.Skip(shared).Sum(id => _tokenizer.BytesOf(id).Length);
        for (; left > 0 && Array.TrueForAll(wholes, whole => whole.Length > shared + 1 && whole[shared] == wholes[0][shared]); shared++)
        {
            left -= _tokenizer.BytesOf(wholes[0][shared]).Length;
            if (left < 0)
                break;
        }
        return shared;
    }

    // In ordinal order a word that begins others stands right before one of them.
    private static bool OneBeginsAnother(IReadOnlyList<string> words)
    {
        var sorted = words.Order(StringComparer.Ordinal).ToList();
        return sorted.Zip(sorted.Skip(1)).Any(pair => pair.Second.StartsWith(pair.First, StringComparison.Ordinal));
    }

    // The whole text, or its end with the ids that it has there.
    private int[] Encode(MarkedText text, int from) =>
        _tokenizer.Encode(from == 0 ? text : text.From(from), _tokenizer.StartsWithBeginOfSequence, continues: from > 0);

    private int[] EncodeNeeded(PromptRow row)
    {
        var prompt = _template.Mark(row);
        return Encode(prompt, NeededFrom(prompt));
    }

    /// <summary>
    /// From where on a prompt is needed: a very long one is cut in any case, and what it loses need not be encoded. 0 for all of it, also where that is not
    /// certain to give the same ids.
    /// </summary>
    private int NeededFrom(MarkedText prompt)
    {
        if (!_tokenizer.IsCutAtWords)
            return 0;
        for (var length = (long)CharactersPerToken * _maxTokens; length < prompt.Length; length *= 2)
        {
            var from = prompt.LastWordCut((int)(prompt.Length - length));
            if (from <= 0)
                return 0;
            // Some more than can be kept, for an answer may change how the prompt's last ones are merged.
            if (Encode(prompt, from).Length > _maxTokens + _maxTokens / 4 + 16)
                return from;
        }
        return 0;
    }

    // Keeps the begin-of-sequence token and the end of the prompt.
    private (int[] Prompt, bool IsCut) Cut(ReadOnlySpan<int> prompt, int room)
    {
        // The first token of an answer has to be predicted from something: without a prompt, from what stands between texts.
        if (prompt.IsEmpty)
            return ([_tokenizer.BeginOfSequence ?? _tokenizer.EndOfSequence], false);
        if (prompt.Length <= room)
            return (prompt.ToArray(), false);
        return (_tokenizer.StartsWithBeginOfSequence ? [prompt[0], .. prompt[^(room - 1)..]] : prompt[^room..].ToArray(), true);
    }
}
