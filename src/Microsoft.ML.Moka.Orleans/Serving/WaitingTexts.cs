namespace Microsoft.ML.Moka.Orleans.Serving;

/// <summary>
/// Texts that wait for a batch. Each tenant has a queue, and they take turns, text by text: many texts of one do not hold up another's. A tenant's texts count
/// from their coming until they are answered.
/// </summary>
internal sealed class WaitingTexts(MokaServingOptions options) : IDisposable
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, int> _underWay = new(StringComparer.Ordinal);
    private readonly LinkedList<TenantQueue> _queues = [];
    private readonly SemaphoreSlim _any = new(0);

    /// <exception cref="MokaTenantLimitException">There would be more of the tenant than it may have.</exception>
    public void Add(string tenant, IReadOnlyList<WaitingText> texts)
    {
        lock (_gate)
        {
            var underWay = _underWay.GetValueOrDefault(tenant);
            var limit = options.LimitOf(tenant);
            if (texts.Count > limit)
                throw new MokaTenantLimitException(FormattableString.Invariant(
                    $"The tenant '{tenant}' asks for {texts.Count} texts at once, and may have {limit} under way: send fewer at a time."));
            if (underWay + texts.Count > limit)
                throw new MokaTenantLimitException(FormattableString.Invariant(
                    $"The tenant '{tenant}' has {underWay} texts under way here, and {texts.Count} more are above its limit of {limit}: ask again later."));
            _underWay[tenant] = underWay + texts.Count;
            var queue = _queues.FirstOrDefault(one => one.Tenant == tenant) ?? _queues.AddLast(new TenantQueue(tenant)).Value;
            foreach (var text in texts)
                queue.Texts.AddLast(text);
        }
        _any.Release();
    }

    /// <summary>The next batch: the text whose turn it is, and others that go with it, in turn.</summary>
    /// <returns>At least one text, and at most <see cref="MokaServingOptions.MaximumBatch"/>.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled before a text came.</exception>
    public IReadOnlyList<WaitingText> Take(CancellationToken cancellation)
    {
        while (true)
        {
            lock (_gate)
            {
                var batch = Batch();
                if (batch.Count > 0)
                    return batch;
            }
            _any.Wait(cancellation);
        }
    }

    /// <summary>Says that a text is answered, in whatever way.</summary>
    public void Answered(WaitingText text)
    {
        lock (_gate)
        {
            if (--_underWay[text.Tenant] == 0)
                _underWay.Remove(text.Tenant);
        }
    }

    public void Dispose() => _any.Dispose();

    private List<WaitingText> Batch()
    {
        var batch = new List<WaitingText>();
        for (var queue = _queues.First; queue is not null && batch.Count < options.MaximumBatch;)
        {
            var (found, next) = (queue.Value.First(batch.FirstOrDefault()), queue.Next);
            if (found is not null)
            {
                batch.Add(found.Value);
                queue.Value.Texts.Remove(found);
                // Whose turn it was comes last now, before the next batch too.
                _queues.Remove(queue);
                if (queue.Value.Texts.Count > 0)
                    _queues.AddLast(queue);
                // Those before have nothing that goes with the batch; the one behind is the next.
                next ??= _queues.Last;
            }
            queue = next;
        }
        return batch;
    }

    private sealed class TenantQueue(string tenant)
    {
        public string Tenant { get; } = tenant;

        public LinkedList<WaitingText> Texts { get; } = [];

        /// <summary>Its first text that goes with a batch's; any where there is no batch.</summary>
        public LinkedListNode<WaitingText>? First(WaitingText? batch)
        {
            for (var text = Texts.First; text is not null; text = text.Next)
            {
                if (batch is null || text.Value.Model.GoesWith(batch.Model))
                    return text;
            }
            return null;
        }
    }
}

/// <summary>A text that waits for its labels.</summary>
internal sealed record WaitingText(ServedModel Model, string Text, string Tenant)
{
    public TaskCompletionSource<LabelPrediction> Labels { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
}
