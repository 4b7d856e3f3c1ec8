using System.Buffers;
using Microsoft.Extensions.AI;
using Microsoft.ML.Moka.Generation;
using Microsoft.ML.Moka.Text;
using Microsoft.ML.Tokenizers;

namespace Microsoft.ML.Moka;

/// <summary>
/// The tokenizer of a backbone, as ML.NET's other tokenizers are used; <see cref="MokaBackbone.LoadTokenizer"/> opens it. Texts are read as those of rows
/// are: names of special tokens in them are text, and nothing is put around them. <see cref="EncodeRow"/> and <see cref="EncodeChat"/> give what the model
/// reads.
/// </summary>
public sealed class MokaTokenizer : Tokenizer
{
    private readonly BackboneTokenizer _tokenizer;

    internal MokaTokenizer(BackboneTokenizer tokenizer) => _tokenizer = tokenizer;

    /// <summary>The kind of the file: "SentencePiece", "Tiktoken" or "byte-level BPE".</summary>
    public string Kind => _tokenizer.Kind;

    /// <summary>Every id is below this number.</summary>
    public int VocabularySize => _tokenizer.VocabularySize;

    /// <summary>The token that a sequence starts with; null where the backbone has none, or was trained without it.</summary>
    public int? BeginOfSequence => _tokenizer.StartsWithBeginOfSequence ? _tokenizer.BeginOfSequence : null;

    /// <summary>The tokens at which generation stops.</summary>
    public IReadOnlyList<int> EndsOfSequence => _tokenizer.EndsOfSequence;

    /// <summary>Whether a token is a control token, which has no text.</summary>
    /// <param name="id">The token.</param>
    /// <returns>Whether it is.</returns>
    public bool IsSpecial(int id) => _tokenizer.IsSpecial(id);

    /// <summary>
    /// A text in which names of special tokens are those tokens, as a template is read; with the begin of a sequence where the backbone has it.
    /// </summary>
    /// <param name="text">The text.</param>
    /// <param name="tokensText">What the offsets of the tokens are about: the text, or where they cannot be found in it, what the tokens stand for.</param>
    /// <returns>The tokens.</returns>
    public IReadOnlyList<EncodedToken> EncodeTemplate(string text, out string tokensText)
    {
        ArgumentNullException.ThrowIfNull(text);
        return Encode(new MarkedText().Template(text), _tokenizer.StartsWithBeginOfSequence, null, out tokensText);
    }

    /// <summary>A row under a prompt template, as training and scoring read it before it is cut to their longest sequence.</summary>
    /// <param name="template">The template.</param>
    /// <param name="text">The row's text or instruction.</param>
    /// <param name="input">The input that goes with an instruction.</param>
    /// <param name="candidates">The answer words of the row.</param>
    /// <param name="answer">The answer, which the end of a sequence follows; null for the prompt alone.</param>
    /// <param name="tokensText">What the offsets of the tokens are about: the prompt, or where they cannot be found in it, what the tokens stand for.</param>
    /// <returns>The tokens.</returns>
    public IReadOnlyList<EncodedToken> EncodeRow(
        PromptTemplate template, string text, string? input, IEnumerable<string>? candidates, string? answer, out string tokensText)
    {
        ArgumentNullException.ThrowIfNull(template);
        ArgumentNullException.ThrowIfNull(text);
        var row = new PromptRow(text, [.. candidates ?? []], text, input);
        return answer is null
            ? Encode(template.Mark(row), _tokenizer.StartsWithBeginOfSequence, null, out tokensText)
            : Encode(template.Mark(row, answer), _tokenizer.StartsWithBeginOfSequence, _tokenizer.EndOfSequence, out tokensText);
    }

    /// <summary>A conversation under a chat template, up to where the next answer begins.</summary>
    /// <param name="messages">The messages, the last one of the user; or of the assistant, to be gone on with, where the template can.</param>
    /// <param name="template">The template; null for the backbone's own.</param>
    /// <param name="tokensText">
    /// What the offsets of the tokens are about: the conversation's text, or where they cannot be found in it, what the tokens stand for.
    /// </param>
    /// <returns>The tokens.</returns>
    /// <exception cref="ArgumentException">The messages cannot be put into this form; the message says why.</exception>
    /// <exception cref="InvalidOperationException">The backbone brings no chat template, or lacks a token of the one that is given.</exception>
    public IReadOnlyList<EncodedToken> EncodeChat(IEnumerable<ChatMessage> messages, ChatTemplate? template, out string tokensText)
    {
        ArgumentNullException.ThrowIfNull(messages);
        template ??= ChatTemplate.OwnOf(_tokenizer)
            ?? throw new InvalidOperationException("The backbone brings no chat template: give one, such as ChatTemplate.Llama3 or " +
                "ChatTemplate.FromJinja(text).");
        // A template writes the begin itself.
        return Encode(template.Render(ChatTurn.Of(messages), _tokenizer), addBeginOfSequence: false, null, out tokensText);
    }

    /// <inheritdoc/>
    public override string Decode(IEnumerable<int> ids)
    {
        ArgumentNullException.ThrowIfNull(ids);
        return _tokenizer.Decode(ids);
    }

    /// <inheritdoc/>
    public override OperationStatus Decode(IEnumerable<int> ids, Span<char> destination, out int idsConsumed, out int charsWritten)
    {
        ArgumentNullException.ThrowIfNull(ids);
        int[] all = [.. ids];
        var text = _tokenizer.Decode(all);
        // The most tokens whose text is whole, and fits.
        var consumed = all.Length;
        if (text.Length > destination.Length)
        {
            var (low, high) = (0, all.Length);
            while (low < high)
            {
                var middle = (low + high + 1) / 2;
                if (_tokenizer.Decode(all.AsSpan(0, middle).ToArray()).Length <= destination.Length)
                    low = middle;
                else
                    high = middle - 1;
            }
            for (consumed = low; consumed > 0 && !text.StartsWith(_tokenizer.Decode(all.AsSpan(0, consumed).ToArray()), StringComparison.Ordinal);)
                consumed--;
        }
        var part = consumed == all.Length ? text : _tokenizer.Decode(all.AsSpan(0, consumed).ToArray());
        part.CopyTo(destination);
        (idsConsumed, charsWritten) = (consumed, part.Length);
        return consumed == all.Length ? OperationStatus.Done : OperationStatus.DestinationTooSmall;
    }

    /// <inheritdoc/>
    /// <exception cref="NotSupportedException">
    /// It is asked to leave out the normalization or the splitting of words, with which the backbone was trained.
    /// </exception>
    protected override EncodeResults<int> EncodeToIds(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        var results = EncodeToTokens(text, textSpan, settings);
        return new EncodeResults<int>
        {
            Tokens = [.. results.Tokens.Select(token => token.Id)],
            NormalizedText = results.NormalizedText,
            CharsConsumed = results.CharsConsumed,
        };
    }

    /// <inheritdoc/>
    /// <exception cref="NotSupportedException">
    /// It is asked to leave out the normalization or the splitting of words, with which the backbone was trained.
    /// </exception>
    protected override EncodeResults<EncodedToken> EncodeToTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        if (!settings.ConsiderPreTokenization || !settings.ConsiderNormalization)
            throw new NotSupportedException("A backbone reads texts as it was trained: considerPreTokenization and considerNormalization have to be true.");
        text ??= textSpan.ToString();
        var tokens = TokenOffsets.Of(_tokenizer.Encode(new MarkedText().Plain(text), addBeginOfSequence: false), text, _tokenizer, out var normalized);
        var length = (normalized ?? text).Length;
        if (settings.MaxTokenCount < tokens.Count)
        {
            // A character of which the next token has a part is not yet read.
            length = settings.MaxTokenCount > 0
                ? Math.Min(tokens[settings.MaxTokenCount - 1].Offset.End.Value, tokens[settings.MaxTokenCount].Offset.Start.Value) : 0;
            tokens = tokens.Take(settings.MaxTokenCount).ToList();
        }
        return new EncodeResults<EncodedToken> { Tokens = tokens, NormalizedText = normalized, CharsConsumed = length };
    }

    private List<EncodedToken> Encode(MarkedText text, bool addBeginOfSequence, int? end, out string tokensText)
    {
        var ids = _tokenizer.Encode(text, addBeginOfSequence);
        var shown = text.ToString();
        var tokens = TokenOffsets.Of(end is { } last ? [.. ids, last] : ids, shown, _tokenizer, out var normalized);
        tokensText = normalized ?? shown;
        return [.. tokens];
    }
}
