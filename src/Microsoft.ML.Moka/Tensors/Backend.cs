namespace Microsoft.ML.Moka.Tensors;

/// <summary>
/// The one seam between devices: kernels over opaque tensors. Everything above it is free of devices; a backend knows nothing of models.
/// Matrices are row-major, weights [out, in], activations [tokens, width]. Unless a kernel says otherwise it returns a new tensor that the
/// caller disposes; "accumulate" kernels add to their target. Results do not depend on the number of threads, and a row of an activation does
/// not depend on the other rows of its batch: on the CPU bit by bit, on a GPU but for rounding.
/// </summary>
internal abstract class Backend : IDisposable
{
    /// <summary>Name and instruction set or device, for the log: "cpu (Vector512, 2 threads)".</summary>
    public abstract string Description { get; }

    /// <summary>What the last bits of results depend on: backends that agree in it, and in <see cref="Precision"/>, compute the same bits.</summary>
    public virtual string Arithmetic => Description;

    /// <summary>The most bytes of tensors that were ever in use at one time, weights not counted; 0 where nobody counts.</summary>
    public virtual long PeakTensorBytes => 0;

    /// <summary>
    /// Says that kernels will follow each other closely on this thread until it disposes what is returned, as they do where a token is made: a backend may keep
    /// its threads awake between them. Null where that changes nothing.
    /// </summary>
    public virtual IDisposable? BeginBurst() => null;

    /// <summary>How products are computed now. Where there is but one precision it stays as it is.</summary>
    public virtual MokaPrecision Precision
    {
        get => MokaPrecision.Float32;
        set { }
    }

    /// <summary>The precision that is used where none is asked for.</summary>
    public virtual MokaPrecision UsualPrecision => MokaPrecision.Float32;

    /// <summary>Those that there are: asked for another one, it computes in 32-bit floats.</summary>
    public virtual IReadOnlyList<MokaPrecision> Precisions => [MokaPrecision.Float32];

    /// <summary>Why <see cref="MokaPrecision.Split"/> is not among them, as the middle of a sentence; null where it is.</summary>
    public virtual string? PrecisionProblem => "only the CPU has a choice of precisions";

    /// <summary>What multiplies in a precision; null for the usual kernels.</summary>
    public virtual string? PrecisionUnit(MokaPrecision precision) => null;

    /// <summary>
    /// The same backend, weights and tensors in common, with a precision of its own; itself where there is but one. It lives as long as this one.
    /// </summary>
    public virtual Backend CreateView() => this;

    /// <summary>
    /// Says that x goes through several maps and stays as it is until the result is disposed, so that what a backend has to make of it is made once; null where
    /// that is nothing.
    /// </summary>
    public virtual IDisposable? Reuse(Tensor x) => null;

    /// <summary>
    /// Says that until the result is disposed, by the same thread, each <see cref="Linear"/> of a weight is followed by its
    /// <see cref="LinearInputGradient"/>, with filters that are as they were: a backend may keep what it made of the weight. Null where it keeps nothing.
    /// </summary>
    public virtual IDisposable? KeepWeights() => null;

    // Memory

    public abstract Tensor Zeros(TensorKind kind, int rows, int columns = 1);

    public abstract Tensor Upload(TensorKind kind, ReadOnlySpan<float> values, int rows, int columns = 1);

    /// <summary>An <see cref="TensorKind.Index"/> vector.</summary>
    public abstract Tensor Upload(ReadOnlySpan<int> values);

    /// <summary>Copies all elements, row-major, into <paramref name="destination"/>, whose length must be the tensor's.</summary>
    public abstract void Download(Tensor source, Span<float> destination);

    /// <summary>Overwrites <paramref name="destination"/>, whose shape must be the source's.</summary>
    public abstract void Copy(Tensor source, Tensor destination);

    /// <summary>Takes a stored weight as it is: codes stay packed, and a full-precision copy never exists.</summary>
    public abstract WeightMatrix Upload(StoredMatrix matrix);

    /// <summary>Lets a trained parameter [out, in] act as a weight. The parameter stays the owner of the memory.</summary>
    public abstract WeightMatrix AsWeight(Tensor parameter);

    // Linear maps

    /// <summary>y = x (W + Δ)ᵀ for x [tokens, in]; Δ, where given, is added while W is expanded.</summary>
    public abstract Tensor Linear(Tensor x, WeightMatrix weight, KroneckerSum? delta = null);

    /// <summary>dx = dy (W + Δ) for dy [tokens, out].</summary>
    public abstract Tensor LinearInputGradient(Tensor dy, WeightMatrix weight, KroneckerSum? delta = null);

    /// <summary>dW += dyᵀ x.</summary>
    public abstract void AccumulateWeightGradient(Tensor dy, Tensor x, Tensor weightGradient);

    /// <summary>W + Δ in full precision, [out, in] of kind Parameter.</summary>
    public abstract Tensor Expand(WeightMatrix weight, KroneckerSum? delta = null);

    /// <summary>The Euclidean norm of each row of W + Δ, [out] of kind Parameter.</summary>
    public abstract Tensor RowNorms(WeightMatrix weight, KroneckerSum? delta = null);

    // Kronecker products

    /// <summary>y = x Δᵀ, token by token, without forming Δ.</summary>
    public abstract Tensor KroneckerProduct(Tensor x, KroneckerSum delta);

    /// <summary>dx = dy Δ, token by token, without forming Δ.</summary>
    public abstract Tensor KroneckerInputGradient(Tensor dy, KroneckerSum delta);

    /// <summary>
    /// Adds the gradients of the factors and coefficients of y = x Δᵀ. The backend contracts per token or through the dense dyᵀx,
    /// whichever counts fewer operations.
    /// </summary>
    public abstract void AccumulateKroneckerGradients(Tensor x, Tensor dy, KroneckerSum delta, KroneckerGradients gradients);

    // Hadamard products

    /// <summary>
    /// W ∘ (offset + LᵀR) as a weight, for <paramref name="right"/> R [rank, in] and <paramref name="left"/> L, the rank · out elements of a matrix [rank,
    /// out]. It is multiplied as W is expanded, and lives no longer than what it is made of.
    /// </summary>
    public abstract WeightMatrix Hadamard(WeightMatrix weight, Tensor left, Tensor right, float offset);

    /// <summary>Adds the gradients of L and R for y = x (W ∘ (offset + LᵀR))ᵀ: dL += R Dᵀ and dR += L D with D = (dyᵀx) ∘ W.</summary>
    public abstract void AccumulateHadamardGradients(
        Tensor x, Tensor dy, WeightMatrix weight, Tensor left, Tensor right, Tensor leftGradient, Tensor rightGradient);

    // Element-wise and row-wise

    public abstract Tensor Add(Tensor a, Tensor b);

    /// <summary>target += addend.</summary>
    public abstract void AddInPlace(Tensor target, Tensor addend);

    /// <summary>Adds the vector <paramref name="row"/> of kind Parameter to every row of x.</summary>
    public abstract void AddToRows(Tensor x, Tensor row);

    /// <summary>sums[i] += Σ over the rows of x[·, i], the gradient of <see cref="AddToRows"/>.</summary>
    public abstract void AccumulateColumnSums(Tensor x, Tensor sums);

    /// <summary>
    /// Zeroes each element with probability <paramref name="rate"/> and scales the rest by 1 / (1 − rate). Which ones is a function of the seed and
    /// the element's index alone, so that the same call on the gradient is the backward step.
    /// </summary>
    public abstract Tensor Dropout(Tensor x, float rate, ulong seed);

    /// <summary>
    /// y = x / rms(x) ∘ weight by row, rms(x) = sqrt(mean(x²) + epsilon). Where the weight is shorter than a row, which then is made of whole groups of its
    /// length (the heads), each group has a norm of its own. <paramref name="inverseRms"/> [rows, groups] serves the gradient.
    /// </summary>
    public abstract Tensor RmsNorm(Tensor x, Tensor weight, float epsilon, out Tensor inverseRms);

    /// <summary>Returns dx; adds to <paramref name="weightGradient"/> where given.</summary>
    public abstract Tensor RmsNormGradient(Tensor dy, Tensor x, Tensor weight, Tensor inverseRms, Tensor? weightGradient);

    /// <summary>
    /// y = x ∘ magnitude / norms by column, for vectors of kind Parameter; where a norm is 0, as the norm of a weight whose outputs are 0, y is 0.
    /// </summary>
    public abstract Tensor ScaleColumns(Tensor x, Tensor magnitude, Tensor norms);

    /// <summary>Returns dx; adds to <paramref name="magnitudeGradient"/>. The norms count as constants.</summary>
    public abstract Tensor ScaleColumnsGradient(Tensor dy, Tensor x, Tensor magnitude, Tensor norms, Tensor magnitudeGradient);

    /// <summary>silu(gate) ∘ up.</summary>
    public abstract Tensor SwiGlu(Tensor gate, Tensor up);

    public abstract (Tensor Gate, Tensor Up) SwiGluGradient(Tensor dy, Tensor gate, Tensor up);

    /// <summary>
    /// Rotary embedding in Hugging Face's rotate_half form: within each head of width 2h, element i &lt; h turns with element i + h by the angle
    /// whose cosine and sine stand in row positions[t], column i of the tables [positions, h]. <paramref name="inverse"/> turns back (the gradient).
    /// </summary>
    public abstract Tensor Rotary(Tensor x, Tensor positions, Tensor cosines, Tensor sines, bool inverse = false);

    /// <summary>Softmax of a small vector of kind Parameter, such as gates.</summary>
    public abstract Tensor Softmax(Tensor vector);

    /// <summary>gradient += (diag(s) − s sᵀ) ds for s = softmax.</summary>
    public abstract void AccumulateSoftmaxGradient(Tensor softmax, Tensor softmaxGradient, Tensor gradient);

    // Attention

    /// <summary>
    /// Scaled dot-product attention over the spans of the layout, query heads grouped onto key/value heads.
    /// <paramref name="logSumExp"/> [tokens, query heads] serves the gradient; a backend that does without leaves it empty.
    /// </summary>
    public abstract Tensor Attention(Tensor q, Tensor k, Tensor v, AttentionLayout layout, AttentionHeads heads, out Tensor logSumExp);

    public abstract (Tensor Q, Tensor K, Tensor V) AttentionGradient(
        Tensor dy, Tensor q, Tensor k, Tensor v, Tensor y, Tensor logSumExp, AttentionLayout layout, AttentionHeads heads);

    // Rows

    /// <summary>Row ids[t] of an embedding table for each t.</summary>
    public abstract Tensor Embedding(WeightMatrix table, Tensor ids);

    /// <summary>tableGradient[ids[t]] += dy[t].</summary>
    public abstract void AccumulateEmbeddingGradient(Tensor dy, Tensor ids, Tensor tableGradient);

    /// <summary>Row rows[i] of x for each i.</summary>
    public abstract Tensor GatherRows(Tensor x, Tensor rows);

    /// <summary>The gradient of <see cref="GatherRows"/>: a tensor of <paramref name="rowCount"/> rows with dy[i] added to row rows[i].</summary>
    public abstract Tensor ScatterRows(Tensor dy, Tensor rows, int rowCount);

    /// <summary>
    /// The mean of the rows of x in each of the ranges, [ranges] of kind Parameter: float32 whatever x is kept in. A range has at least one row, and ranges may
    /// overlap.
    /// </summary>
    public abstract Tensor MeanRows(Tensor x, IReadOnlyList<RowRange> ranges);

    /// <summary>
    /// The gradient of <see cref="MeanRows"/>, an activation of <paramref name="rowCount"/> rows: dy[i] / length is added to each row of range i.
    /// </summary>
    public abstract Tensor MeanRowsGradient(Tensor dy, IReadOnlyList<RowRange> ranges, int rowCount);

    /// <summary>Overwrites rows [start, start + source.Rows) of <paramref name="destination"/> (a key/value cache).</summary>
    public abstract void CopyRows(Tensor source, Tensor destination, int start);

    // Loss

    /// <summary>
    /// −log softmax(h · headᵀ)[target] of each row of h, [rows] of kind Parameter; the logits are formed for a chunk of rows at a time.
    /// With <paramref name="rowWeights"/> [rows] also the gradient of Σ weight·loss: <paramref name="hiddenGradient"/>, and added to
    /// <paramref name="headGradient"/> where the head is trained.
    /// </summary>
    public abstract Tensor TokenLosses(
        Tensor hidden, WeightMatrix head, Tensor targets, Tensor? rowWeights, out Tensor? hiddenGradient, Tensor? headGradient = null);

    // Optimizer

    /// <summary>
    /// Tensors of kind Parameter as fewer that have all their elements: those given stay valid, and share memory with them from here on. A backend on which
    /// many small kernels cost more than one large one joins; another returns what it was given. The caller disposes what it did not give.
    /// </summary>
    public virtual IReadOnlyList<Tensor> Join(IReadOnlyList<Tensor> tensors) => tensors;

    /// <summary>Σ x², accumulated in double precision in a fixed order.</summary>
    public abstract double SumOfSquares(Tensor x);

    /// <summary>One AdamW update of <paramref name="value"/> and both moments from <paramref name="gradient"/>, which it zeroes afterwards.</summary>
    public abstract void AdamW(Tensor value, Tensor gradient, Tensor firstMoment, Tensor secondMoment, in AdamWStep step);

    public abstract void Dispose();

    /// <summary>Throws where a tensor has not the shape that a kernel needs.</summary>
    protected static void RequireShape(Tensor tensor, int rows, int columns, string name)
    {
        if (tensor.Rows != rows || tensor.Columns != columns)
            throw new ArgumentException($"'{name}' is [{tensor.Rows}, {tensor.Columns}]; [{rows}, {columns}] is needed.", name);
    }

    /// <summary>Throws where factors do not make a matrix of the weight's shape; gives their rank.</summary>
    protected static int RequireHadamard(WeightMatrix weight, Tensor left, Tensor right)
    {
        RequireShape(right, right.Rows, weight.Columns, nameof(right));
        return left.Length == (long)right.Rows * weight.Rows
            ? right.Rows
            : throw new ArgumentException($"'{nameof(left)}' has {left.Length} elements; {right.Rows} · {weight.Rows} are needed.", nameof(left));
    }

    /// <summary>Throws where a range is empty or leads outside the rows that there are.</summary>
    protected static void RequireRanges(IReadOnlyList<RowRange> ranges, int rowCount)
    {
        foreach (var (start, length) in ranges)
            if (start < 0 || length < 1 || length > rowCount - start)
                throw new ArgumentOutOfRangeException(nameof(ranges), $"{length} rows from {start} on are no rows of {rowCount}.");
    }

    /// <summary>Throws where a normalization's weight does not fit; gives the number of groups in a row.</summary>
    protected static int RequireNorm(Tensor x, Tensor weight)
    {
        if (weight.Rows < 1 || weight.Columns != 1 || x.Columns % weight.Rows != 0)
            throw new ArgumentException($"A row of {x.Columns} is not made of groups of the weight's [{weight.Rows}, {weight.Columns}].", nameof(weight));
        return x.Columns / weight.Rows;
    }

    /// <summary>Throws where the tensors of <see cref="Rotary"/> do not fit each other.</summary>
    protected static void RequireRotary(Tensor x, Tensor positions, Tensor cosines, Tensor sines)
    {
        var half = cosines.Columns;
        if (half < 1 || x.Columns % (2 * half) != 0)
            throw new ArgumentException($"A row of {x.Columns} is not made of heads of width {2 * half}.", nameof(x));
        RequireShape(positions, x.Rows, 1, nameof(positions));
        RequireShape(sines, cosines.Rows, half, nameof(sines));
    }

    /// <summary>Throws where the tensors of <see cref="TokenLosses"/> do not fit each other.</summary>
    protected static void RequireTokenLosses(Tensor hidden, WeightMatrix head, Tensor targets, Tensor? rowWeights, Tensor? headGradient)
    {
        RequireShape(hidden, hidden.Rows, head.Columns, nameof(hidden));
        RequireShape(targets, hidden.Rows, 1, nameof(targets));
        if (rowWeights is not null)
            RequireShape(rowWeights, hidden.Rows, 1, nameof(rowWeights));
        if (headGradient is not null)
            RequireShape(headGradient, head.Rows, head.Columns, nameof(headGradient));
    }

    /// <summary>Throws where heads or a layout do not fit the tensors of an attention.</summary>
    protected static void RequireAttention(Tensor q, Tensor k, Tensor v, AttentionLayout layout, AttentionHeads heads)
    {
        if (heads.KeyValueHeads < 1 || heads.HeadWidth < 1 || heads.QueryHeads < 1 || heads.QueryHeads % heads.KeyValueHeads != 0)
            throw new ArgumentException($"{heads} is no grouping of heads.", nameof(heads));
        RequireShape(q, q.Rows, heads.QueryHeads * heads.HeadWidth, nameof(q));
        RequireShape(k, k.Rows, heads.KeyValueHeads * heads.HeadWidth, nameof(k));
        RequireShape(v, k.Rows, k.Columns, nameof(v));
        layout.Validate(q.Rows, k.Rows);
    }
}

/// <summary>
/// One step of AdamW with decoupled weight decay (arXiv 1711.05101): g = gradient · GradientScale; m = β₁m + (1−β₁)g; v = β₂v + (1−β₂)g²;
/// value −= rate · (m / (1−β₁ᵗ) / (sqrt(v / (1−β₂ᵗ)) + ε) + decay · value). The rate has the schedule applied, GradientScale is clipping and
/// averaging in one factor, and Step is t, counted from 1.
/// </summary>
internal readonly record struct AdamWStep(
    float LearningRate, float Beta1, float Beta2, float Epsilon, float WeightDecay, float GradientScale, int Step);
