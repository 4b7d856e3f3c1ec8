using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace Microsoft.ML.Moka.Generation;

/// <summary>One answer, piece by piece while it is generated on a thread of the pool. Who stops reading stops the work.</summary>
internal sealed class AnswerStream(AnswerGenerator generator, int[] prompt, TextGenerationOptions options, AnswerForm form)
{
    /// <summary>The prompt's tokens.</summary>
    public int[] Prompt => prompt;

    /// <summary>How many tokens the prompt has.</summary>
    public int PromptTokenCount => prompt.Length;

    /// <summary>How many messages of the conversation are not in the prompt, for there is no room for them.</summary>
    public int LeftOutMessages { get; init; }

    /// <summary>The answer, once all pieces have been read.</summary>
    public GeneratedAnswer? Answer { get; private set; }

    public async IAsyncEnumerable<string> ReadAsync([EnumeratorCancellation] CancellationToken cancellation = default)
    {
        var pieces = Channel.CreateUnbounded<string>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var work = Task.Run(() => Generate(pieces.Writer, stop.Token), CancellationToken.None);
        try
        {
            await foreach (var piece in pieces.Reader.ReadAllAsync(CancellationToken.None).ConfigureAwait(false))
            {
                cancellation.ThrowIfCancellationRequested();
                yield return piece;
            }
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
            await work.ConfigureAwait(false);
        }
    }

    /// <summary>The whole answer at once.</summary>
    public Task<GeneratedAnswer> ReadAllAsync(CancellationToken cancellation) =>
        Task.Run(() => generator.Generate([prompt], options, form, null, cancellation)[0], cancellation);

    private void Generate(ChannelWriter<string> pieces, CancellationToken cancellation)
    {
        try
        {
            Answer = generator.Generate([prompt], options, form, (_, piece) => pieces.TryWrite(piece), cancellation)[0];
            pieces.Complete();
        }
        catch (Exception e)
        {
            // The reader gets it.
            pieces.Complete(e);
        }
    }
}
