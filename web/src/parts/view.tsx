import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

let first = true;

/**
 * A view with its heading, which gets the focus when the view is opened by a link, so that keyboards and screen readers begin
 * there. `actions` stand beside the heading.
 */
export function View(props: { title: string; actions?: ComponentChildren; children: ComponentChildren }): JSX.Element {
  const heading = useRef<HTMLHeadingElement>(null);
  const { title, actions, children } = props;
  useEffect(() => {
    document.title = `${title} - milvusdm`;
    if (!first) heading.current?.focus();
    first = false;
  }, [title]);
  return (
    <>
      <div class="head">
        <h1 tabIndex={-1} ref={heading}>
          {title}
        </h1>
        {actions && <div class="actions">{actions}</div>}
      </div>
      {children}
    </>
  );
}
