namespace Microsoft.ML.Moka.Text.Tokenizers;

/// <summary>A text and the pieces that it falls into so far. A step splits the pieces, or puts something before them, which makes another text.</summary>
internal sealed class PieceList(string text, bool isAtStart)
{
    private List<(int Start, int End)> _pieces = text.Length == 0 ? [] : [(0, text.Length)];

    public string Text { get; private set; } = text;

    public IReadOnlyList<(int Start, int End)> Pieces => _pieces;

    /// <summary>Whether a piece is what the whole input begins with.</summary>
    public bool IsFirst((int Start, int End) piece) => isAtStart && piece.Start == 0;

    /// <summary>Splits every piece; empty ones go.</summary>
    /// <param name="split">Adds to the list what becomes of a piece, as places within the piece.</param>
    public void Split(Splitting split)
    {
        var finer = new List<(int Start, int End)>(_pieces.Count);
        var within = new List<(int Start, int End)>();
        foreach (var (start, end) in _pieces)
        {
            within.Clear();
            split(Text.AsSpan(start, end - start), within);
            foreach (var part in within)
            {
                if (part.End > part.Start)
                    finer.Add((start + part.Start, start + part.End));
            }
        }
        _pieces = finer;
    }

    /// <summary>Puts a text before some of the pieces.</summary>
    public void Prepend(char what, Func<PieceList, (int Start, int End), bool> isMeant)
    {
        var marked = _pieces.Select(piece => isMeant(this, piece)).ToList();
        if (!marked.Contains(true))
            return;
        var longer = new System.Text.StringBuilder(Text.Length + marked.Count);
        var pieces = new List<(int Start, int End)>(_pieces.Count);
        for (var i = 0; i < _pieces.Count; i++)
        {
            var start = longer.Length;
            if (marked[i])
                longer.Append(what);
            longer.Append(Text, _pieces[i].Start, _pieces[i].End - _pieces[i].Start);
            pieces.Add((start, longer.Length));
        }
        (Text, _pieces) = (longer.ToString(), pieces);
    }

    public void Replace(char what, char by) => Text = Text.Replace(what, by);

    internal delegate void Splitting(ReadOnlySpan<char> piece, List<(int Start, int End)> parts);
}
